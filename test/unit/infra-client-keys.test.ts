import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseKeys } from '../../images/proxy/src/front/key-file.ts';
import { clientKeyProblems, clientKeys, currentKeys } from '../../infra/config/client-keys.ts';

const KEY = 'a-key-that-is-long';
const NEXT = 'another-long-key-01';
const takenByTheProxy = (text: string) => {
  try {
    parseKeys(text, '/run/secrets/mcp-keys.json');
    return true;
  } catch {
    return false;
  }
};

describe('the keys of clients in the config of a stack', () => {
  const taken = [
    { laptop: KEY },
    { laptop: 'sixteen-letters1' },
    { laptop: [KEY, NEXT] },
    { laptop: { keys: [KEY] }, agent: NEXT },
    {
      laptop: {
        keys: [KEY],
        tools: { allow: ['Get*', 'RunSqlQuery'], deny: [], readOnly: true },
        maxInFlight: 10_000,
      },
    },
  ];
  for (const clients of taken)
    it(`take ${JSON.stringify(clients)}, as the proxy does`, () => {
      const text = JSON.stringify(clients);
      assert.deepEqual(clientKeyProblems(text), []);
      assert.deepEqual(clientKeys.parse(text), clients);
      assert.ok(takenByTheProxy(text));
    });

  const refused: [text: string, problem: RegExp][] = [
    ['', /is not JSON/],
    ['{"laptop": ', /is not JSON/],
    ['[]', /is not a JSON object/],
    ['"key"', /is not a JSON object/],
    ['{}', /holds no key/],
    ['{"laptop": "short"}', /less than 16 characters \("laptop"\)/],
    ['{"laptop": "fifteen-letters"}', /less than 16 characters \("laptop"\)/],
    ['{"laptop": 5}', /a key that is not text/],
    ['{"laptop": null}', /a key that is not text/],
    ['{"laptop": []}', /has no key/],
    [`{"laptop": "${KEY} x"}`, /other characters than letters, digits/],
    [`{"lap top": "${KEY}"}`, /a name \(entry 1\) with other characters/],
    [`{"": "${KEY}"}`, /a name \(entry 1\)/],
    [`{"laptop": {"key": ["${KEY}"]}}`, /an option that is not one of keys, tools, maxInFlight/],
    ['{"laptop": {}}', /has no list "keys"/],
    [`{"laptop": {"keys": "${KEY}"}}`, /has no list "keys"/],
    [`{"laptop": {"keys": ["${KEY}"], "maxInFlight": 0}}`, /maxInFlight .* 1 to 10000/],
    [`{"laptop": {"keys": ["${KEY}"], "maxInFlight": 10001}}`, /maxInFlight .* 1 to 10000/],
    [`{"laptop": {"keys": ["${KEY}"], "maxInFlight": "8"}}`, /maxInFlight/],
    [`{"laptop": {"keys": ["${KEY}"], "tools": ["Get*"]}}`, /"tools" that are not an object/],
    [`{"laptop": {"keys": ["${KEY}"], "tools": {"allow": "Get*"}}}`, /tools\.allow/],
    [`{"laptop": {"keys": ["${KEY}"], "tools": {"deny": ["a*b"]}}}`, /tools\.deny/],
    [`{"laptop": {"keys": ["${KEY}"], "tools": {"readOnly": "yes"}}}`, /tools\.readOnly/],
    [`{"laptop": {"keys": ["${KEY}"], "tools": {"only": []}}}`, /one of allow, deny, readOnly/],
    [`{"laptop": "${KEY}", "laptop": "${NEXT}"}`, /something twice in one object/],
    [`{"laptop": "${KEY}", "lap\\u0074op": "${NEXT}"}`, /something twice in one object/],
    [`{"laptop": {"keys": ["${KEY}"], "keys": ["${NEXT}"]}}`, /something twice in one object/],
    [`{"laptop": "${KEY}", "agent": ["${KEY}"]}`, /the same key twice/],
    [`{"laptop": {"keys": ["${KEY}", "${KEY}"]}}`, /the same key twice/],
  ];
  for (const [text, problem] of refused)
    it(`refuse ${text || 'nothing'}, as the proxy does`, () => {
      assert.match(clientKeyProblems(text).join('\n'), problem);
      assert.equal(clientKeys.parse(text), undefined);
      assert.ok(!takenByTheProxy(text), 'the proxy takes it');
    });

  it('take and refuse the same files as the proxy, whatever is in them', () => {
    const key = fc.oneof(
      fc.constantFrom(KEY, NEXT, 'short', `${KEY}=`, `=${KEY}`, 'schlüssel-sechzehn', ''),
      fc.constantFrom(7, null, true),
    );
    const keys = fc.array(key, { maxLength: 3 });
    const word = fc.constantFrom('Get*', 'RunSqlQuery', '*', 'a*b', '', 'x'.repeat(129), 5);
    const rules = fc.oneof(
      { weight: 4, arbitrary: fc.constant(undefined) },
      fc.record(
        {
          allow: fc.array(word, { maxLength: 2 }),
          deny: fc.array(word, { maxLength: 2 }),
          readOnly: fc.constantFrom(true, false, 'true', null),
          other: fc.constant(1),
        },
        { requiredKeys: [] },
      ),
      fc.constantFrom([], null, 'Get*'),
    );
    const options = fc.record(
      {
        keys: fc.oneof(keys, key),
        tools: rules,
        maxInFlight: fc.constantFrom(1, 10_000, 0, 10_001, 1.5, '1', null),
      },
      { requiredKeys: ['keys'] },
    );
    const name = fc.constantFrom('a', 'b.c-d_e', 'lap top', '', '__proto__', 'n'.repeat(65), KEY);
    const file = fc.dictionary(name, fc.oneof(key, keys, options), { maxKeys: 3 });
    fc.assert(
      fc.property(file, (clients) => {
        const text = JSON.stringify(clients);
        assert.equal(clientKeyProblems(text).length === 0, takenByTheProxy(text), text);
      }),
      { numRuns: 1500 },
    );
  });

  it('are never quoted when they are refused, nor a name that could be a key', () => {
    const text = `{"${KEY} ": "shortsecret", "${NEXT}": "bad bad bad bad bad"}`;
    const said = clientKeyProblems(text).join('\n');
    for (const secret of [KEY, NEXT, 'shortsecret', 'bad bad']) assert.ok(!said.includes(secret));
  });

  it('are given out as the first key of each client', () => {
    assert.deepEqual(currentKeys({ a: KEY, b: [NEXT, KEY], c: { keys: ['third-key-0123456'] } }), {
      a: KEY,
      b: NEXT,
      c: 'third-key-0123456',
    });
  });
});
