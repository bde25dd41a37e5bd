import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NamedFileError } from '../../images/kit/src/named-file.ts';
import { parseKeys } from '../../images/proxy/src/front/key-file.ts';

const key = 'k'.repeat(16);
const other = `${key}2`;

/** What is wrong with a key file. */
function problemsOf(given: unknown): string {
  const text = typeof given === 'string' ? given : JSON.stringify(given);
  let reason = '';
  assert.throws(
    () => parseKeys(text, 'keys.json'),
    (error) => {
      assert.ok(error instanceof NamedFileError);
      reason = error.reason;
      return !`${error.message}${error.remedy}`.includes(key);
    },
    text,
  );
  return reason;
}

describe('the key file', () => {
  it('names one key or several that are all valid, with options or without', () => {
    const tools = { allow: ['Get*', 'RunSqlQuery'], deny: ['x'], readOnly: true };
    assert.deepEqual(
      parseKeys(
        JSON.stringify({
          a: key,
          b: [`${key}1`, other],
          c: { keys: [`${key}3`], tools, maxInFlight: 3 },
          d: { keys: [`${key}4`], tools: { allow: [], readOnly: false } },
        }),
        'f',
      ),
      [
        { name: 'a', keys: [key] },
        { name: 'b', keys: [`${key}1`, other] },
        { name: 'c', keys: [`${key}3`], tools, maxInFlight: 3 },
        { name: 'd', keys: [`${key}4`], tools: { allow: [] } },
      ],
    );
  });

  it('P11: is refused when it could let anyone in, in words without the key', () => {
    const table: [unknown, RegExp][] = [
      ['', /^is empty$/],
      [' \n', /^is empty$/],
      [key, /^is not JSON; expected/],
      [[], /^is not a JSON object/],
      ['null', /^is not a JSON object/],
      [{}, /^holds no key$/],
      [{ a: '' }, /less than 16 characters$/],
      [{ a: 'short' }, /^has a key for a of less than 16 characters$/],
      [{ a: ' '.repeat(20) }, /other characters/],
      [{ a: `${key}\n` }, /other characters/],
      [{ a: `${key} with a space` }, /other characters/],
      [{ a: [] }, /^has no key for a$/],
      [{ a: { keys: [] } }, /^has no key for a$/],
      [{ a: {} }, /^has no list "keys" for a$/],
      [{ a: { keys: key } }, /^has no list "keys" for a$/],
      [{ a: 5 }, /not text/],
      [{ a: null }, /not text/],
      [{ 'a b': key }, /the name "a b"/],
      [{ a: key, b: key }, /^gives a and b the same key$/],
      [{ a: [key, key] }, /^gives a the same key twice$/],
      [`{"a":"${key}","a":"${other}"}`, /^has a twice in one object$/],
    ];
    for (const [text, words] of table) assert.match(problemsOf(text), words, JSON.stringify(text));
  });

  it('is refused when an option is not known or not as it should be', () => {
    const table: [object, RegExp][] = [
      [{ limit: 1 }, /^has limit for a; expected only keys, tools, maxInFlight$/],
      [{ maxInFlight: 0 }, /maxInFlight for a .* whole number from 1 to 10000$/],
      [{ maxInFlight: '5' }, /maxInFlight for a/],
      [{ maxInFlight: 1.5 }, /maxInFlight for a/],
      [{ tools: [] }, /^has "tools" for a that are not an object/],
      [{ tools: { allow: 'x' } }, /^has tools.allow for a that is not a list of names/],
      [{ tools: { deny: ['a*b'] } }, /^has tools.deny for a/],
      [{ tools: { deny: ['**'] } }, /^has tools.deny for a/],
      [{ tools: { deny: [''] } }, /^has tools.deny for a/],
      [{ tools: { readOnly: 'yes' } }, /^has tools.readOnly for a that is not true or false$/],
      [{ tools: { readonly: true } }, /^has readonly for tools of a; expected only allow, deny/],
    ];
    for (const [options, words] of table)
      assert.match(problemsOf({ a: { keys: [key], ...options } }), words);
    assert.match(
      problemsOf(`{"a":{"keys":["${key}"],"tools":{"deny":["x"],"deny":[]}}}`),
      /^has deny twice in one object$/,
    );
  });

  it('tells everything that is wrong at once', () => {
    const reason = problemsOf({
      a: 'short',
      'b c': [key, 7],
      d: { keys: [key], tools: { readOnly: 1, only: [] }, maxInFlight: -1 },
    });
    assert.deepEqual(reason.split('; it '), [
      'has a key for a of less than 16 characters',
      'has the name "b c"; expected up to 64 letters, digits, dots, dashes and underscores',
      'has a key for "b c" that is not text',
      'has a maxInFlight for d that is not a whole number from 1 to 10000',
      'has only for tools of d; expected only allow, deny, readOnly',
      'has tools.readOnly for d that is not true or false',
      'gives "b c" and d the same key',
    ]);
  });

  it('never quotes a key that stands where a name belongs', () => {
    for (const given of [
      { [key]: 'laptop' },
      { a: { keys: [other], [key]: 1 } },
      { a: { keys: [other], tools: { [key]: 1 } } },
      { [`${key} x`]: other },
    ])
      assert.match(problemsOf(given), /entry \d \(its name has \d+ characters and is not shown/);
  });
});
