import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
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
    ['text', setting.text({ variable, doc }), [[' a b ', ' a b ']], []],
    [
      'text with a pattern',
      setting.text({ variable, doc, pattern: /^[a-z]+$/, allowed: 'small letters' }),
      [['abc', 'abc']],
      ['aBc', 'abc\n'],
    ],
    [
      'integer',
      setting.integer({ variable, doc, min: 1, max: 10, unit: 'seconds' }),
      [
        ['1', 1],
        ['10', 10],
        ['007', 7],
      ],
      ['0', '11', '1.5', '1e1', '0x5', ' 5', '5 ', '', '-1', 'NaN', 'Infinity'].filter(Boolean),
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
        ['a, b,,c ', ['a', 'b', 'c']],
        [',', []],
      ],
      [],
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
});
