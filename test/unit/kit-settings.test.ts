import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  inspectSettings,
  readSettings,
  type Setting,
  SettingsError,
  setting,
} from '../../images/kit/src/settings.ts';

const doc = 'what it is for';
const read = (one: Setting<unknown>, text?: string) =>
  readSettings({ value: one }, text === undefined ? {} : { [one.variable]: text }).value;
const problem = (one: Setting<unknown>, text?: string) => {
  try {
    read(one, text);
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.problems.join('\n');
  }
  return assert.fail(`${text} was accepted`);
};

describe('a setting', () => {
  const variable = 'X';
  const kinds: [string, Setting<unknown>, [string, unknown][], string[]][] = [
    ['text', setting.text({ variable, doc }), [['a b', 'a b']], []],
    [
      'text with a pattern',
      setting.text({ variable, doc, pattern: /^[a-z]+$/, allowed: 'small letters' }),
      [['abc', 'abc']],
      ['aBc', 'ab1'],
    ],
    [
      'integer',
      setting.integer({ variable, doc, min: 1, max: 10, unit: 'seconds' }),
      [
        ['1', 1],
        ['10', 10],
        ['007', 7],
      ],
      ['0', '11', '1.5', '1e1', '0x5', '-1', 'NaN', 'Infinity'],
    ],
    [
      'number',
      setting.number({ variable, doc, min: 0 }),
      [
        ['0.5', 0.5],
        ['3', 3],
      ],
      ['-0.5', '.5', '1,5', '1e3', 'Infinity', '9'.repeat(400)],
    ],
    [
      'flag',
      setting.flag({ variable, doc }),
      [
        ['true', true],
        ['false', false],
      ],
      ['TRUE', '1', 'yes'],
    ],
    [
      'list',
      setting.list({ variable, doc }),
      [
        ['a, b,,c', ['a', 'b', 'c']],
        [',', []],
      ],
      [],
    ],
    [
      'list of words of one form',
      setting.list({
        variable,
        doc,
        word: { test: (word) => /^[a-z]$/.test(word), allowed: 'letters' },
      }),
      [['a, b', ['a', 'b']]],
      ['a,B', ','],
    ],
    ['path', setting.path({ variable, doc }), [['/run/x', '/run/x']], ['run/x', '~/x', './x']],
    [
      'choice',
      setting.oneOf({ variable, doc, choices: ['red', 'blue'] }),
      [['red', 'red']],
      ['Red', 'green', 'redblue', 'toString'],
    ],
  ];
  for (const [name, one, good, bad] of kinds)
    it(`of kind ${name} takes what it allows and names it for what it does not`, () => {
      for (const [text, value] of good) assert.deepEqual(read(one, text), value);
      for (const text of bad) {
        const words = problem(one, text);
        assert.ok(words.includes(JSON.stringify(text)) && words.includes(one.allowed), words);
      }
    });

  it('of kind URL takes http and https without user name and password', () => {
    const url = setting.url({ variable, doc });
    assert.equal(
      (read(url, 'https://dremio.test:9047/x/') as URL).href,
      'https://dremio.test:9047/x/',
    );
    for (const text of ['dremio:9047', 'ftp://x', 'http://', '//x', 'localhost'])
      assert.match(problem(url, text), /http or https URL/);
  });

  it('names the bounds and the unit of a number', () => {
    const allowed = (range: object) => setting.integer({ variable, doc, ...range }).allowed;
    assert.equal(
      allowed({ min: 1, max: 9, unit: 'seconds' }),
      'a whole number from 1 to 9 (seconds)',
    );
    assert.equal(allowed({ min: 1 }), 'a whole number of at least 1');
    assert.equal(allowed({ max: 9 }), 'a whole number of at most 9');
  });

  it('that is empty counts as unset: the fallback, or nothing when optional, or a problem', () => {
    assert.equal(read(setting.integer({ variable, doc, fallback: '7' }), ''), 7);
    assert.equal(read(setting.text({ variable, doc, optional: true }), ''), undefined);
    assert.match(
      problem(setting.text({ variable, doc }), ''),
      /^X is not set; expected text: what/,
    );
  });

  it('may not quote a value that may be a secret in the wrong place', () => {
    const url = setting.url({ variable: 'DREMIO_URL', doc });
    const file = setting.path({ variable: 'PASSWORD_FILE', doc });
    for (const words of [problem(url, 'http://u:s3cret@h'), problem(file, 's3cret')]) {
      assert.match(words, /is set to something else .*; expected/);
      assert.ok(!words.includes('s3cret'));
    }
  });
});

describe('a value with white space around it or a line break', () => {
  const url = setting.url({ variable: 'DREMIO_URL', doc });
  const user = setting.text({ variable: 'DREMIO_USERNAME', doc });
  const list = setting.list({ variable: 'HOSTS', doc, optional: true });
  const variable = 'X';

  it('is refused by name, with what is in the way', () => {
    const table: [Setting<unknown>, string, RegExp][] = [
      [url, 'http://dremio.test:9047\n', /^DREMIO_URL ends with a line break: "http:.*\\n";/],
      [user, 'ann\r', /^DREMIO_USERNAME ends with a line break: "ann\\r";/],
      [user, 'ann \n ', /ends with a line break/],
      [user, 'ann ', /^DREMIO_USERNAME ends with white space: "ann ";/],
      [user, '\tann', /begins with white space/],
      [user, '\ufeffann', /begins with white space/],
      [url, 'http://dre\nmio.test', /has a line break in it/],
      [url, 'http://dre\tmio.test', /has a control character in it/],
      [user, ' ', /^DREMIO_USERNAME is nothing but white space/],
      [list, 'a,b\n', /^HOSTS ends with a line break/],
      [setting.integer({ variable, doc }), '5 ', /^X ends with white space: "5 ";/],
    ];
    for (const [one, text, words] of table) {
      assert.match(problem(one, text), words);
      assert.match(problem(one, text), /expected the value alone: write it again/);
    }
  });

  it('is not quoted where it may be a secret', () => {
    const file = setting.secretFile({ variable: 'PASSWORD_FILE', doc, content: 'the password' });
    for (const words of [problem(file, '/s3cret\n'), problem(url, 'http://u:s3cret@h\n')]) {
      assert.match(words, /^(PASSWORD_FILE|DREMIO_URL) ends with a line break \(not shown/);
      assert.ok(!words.includes('s3cret'));
    }
  });
});

describe('a setting that names a file', () => {
  const schema = {
    password: setting.secretFile({
      variable: 'DREMIO_PASSWORD_FILE',
      doc,
      content: 'the password alone',
    }),
    key: setting.secretFile({ variable: 'KEY_FILE', doc, content: 'a key', fallback: '/run/key' }),
    ca: setting.textFile({ variable: 'CA_FILE', doc, content: 'certificates', optional: true }),
    token: setting.path({ variable: 'TOKEN_FILE', doc, fallback: '/token' }),
  };

  it('refuses its content in the environment, beside it and instead of it, without showing it', () => {
    const { problems, values } = inspectSettings(schema, {
      DREMIO_PASSWORD: 's3cret',
      KEY: 's3cret',
      CA: 's3cret',
      TOKEN: 'of something else',
    });
    assert.deepEqual(
      problems.map((line) => line.replace(/, where "docker inspect".* show it/, '')),
      [
        'DREMIO_PASSWORD is set (not shown), but a secret does not belong in the environment; unset it, and set DREMIO_PASSWORD_FILE to the absolute path of a file with the password alone',
        'KEY is set (not shown), but a secret does not belong in the environment; unset it, and set KEY_FILE to the absolute path of a file with a key',
        'CA is set (not shown), but it is not a setting, and would be left aside; unset it, and set CA_FILE to the absolute path of a file with certificates',
      ],
    );
    assert.deepEqual(values, { key: '/run/key', ca: undefined, token: '/token' });
    const both = { DREMIO_PASSWORD_FILE: '/run/password', DREMIO_PASSWORD: 's3cret' };
    assert.match(
      inspectSettings(schema, both).problems.join(),
      /^DREMIO_PASSWORD is set .not shown/,
    );
  });

  it('lets an empty variable of that name pass', () => {
    const environment = { DREMIO_PASSWORD_FILE: '/run/password', DREMIO_PASSWORD: '' };
    assert.deepEqual(inspectSettings(schema, environment).problems, []);
  });
});

describe('settings', () => {
  const schema = {
    url: setting.url({ variable: 'URL', doc }),
    port: setting.integer({ variable: 'PORT', doc, min: 0, max: 65535, fallback: '80' }),
    level: setting.oneOf({ variable: 'LEVEL', doc, choices: ['low', 'high'] }),
  };

  it('come typed and frozen, and leave other variables alone', () => {
    const values = readSettings(schema, { URL: 'http://a', LEVEL: 'low', HOME: '/root' });
    assert.deepEqual(Object.keys(values), ['url', 'port', 'level']);
    assert.equal(values.port + 1, 81);
    assert.throws(() => Object.assign(values, { port: 1 }), TypeError);
  });

  it('report every problem at once, in the order of the schema', () => {
    assert.throws(
      () => readSettings(schema, { PORT: '99999', LEVEL: 'mid' }),
      (error: unknown) => {
        assert.ok(error instanceof SettingsError);
        assert.deepEqual(
          error.problems.map((line) => line.split(' ')[0]),
          ['URL', 'PORT', 'LEVEL'],
        );
        assert.match(error.message, /^settings are wrong:\n- URL is not set/);
        return true;
      },
    );
  });

  it('that can be read are there beside the problems of the others', () => {
    const { values, problems } = inspectSettings(
      { ...schema, name: setting.text({ variable: 'NAME', doc, optional: true }) },
      { URL: 'http://a', LEVEL: 'mid' },
    );
    assert.deepEqual(values, { url: new URL('http://a'), port: 80, name: undefined });
    assert.equal(problems.length, 1);
  });
});
