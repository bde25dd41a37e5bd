import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Detector, PIECE } from '../helpers/canary/detector.ts';
import { type Allowance, type Sample, search } from '../helpers/canary/search.ts';
import { privateKey, SHORTEST, secret } from '../helpers/canary/secret.ts';

const VALUE = 'Zq"8\\&%<é /+wT5vLr2mXc9KpYb7HdNf3GsQj';
const detector = new Detector([secret('password', VALUE)]);
const formsIn = (content: Buffer | string) => detector.find(content).map(({ form }) => form);

const bytes = Buffer.from(VALUE);
const behind = (prefix: string) => Buffer.concat([Buffer.from(prefix), bytes]);

describe('S4 the search for secrets', () => {
  for (const [what, content] of [
    ['as it is', VALUE],
    ['in base64', bytes.toString('base64')],
    ['in base64 behind one byte', behind(':').toString('base64')],
    ['in base64 behind two bytes', behind('a:').toString('base64')],
    ['in base64 behind a user name', behind('analyst:').toString('base64')],
    ['in base64url behind a user name', behind('analyst:').toString('base64url')],
    ['in hexadecimal', bytes.toString('hex')],
    ['in capital hexadecimal', bytes.toString('hex').toUpperCase()],
    ['in a URL', encodeURIComponent(VALUE)],
    ['in a form', new URLSearchParams({ password: VALUE }).toString()],
    ['in JSON', JSON.stringify({ password: VALUE })],
    ['in JSON in JSON', JSON.stringify(JSON.stringify({ password: VALUE }))],
  ] as const)
    it(`finds one ${what}`, () => {
      assert.notDeepEqual(formsIn(`before ${content} after`), []);
      assert.deepEqual(formsIn('before after'), []);
    });

  it('finds the beginning of one that needs escapes all along, as Go and as JavaScript write it', () => {
    const marks = '"<&"\\<&"<&>"\\<&"<&';
    const all = new Detector([secret('marks', `${marks}${marks}`)]);
    const json = JSON.stringify(marks);
    const go = json
      .replaceAll('<', '\\u003c')
      .replaceAll('>', '\\u003e')
      .replaceAll('&', '\\u0026');
    for (const text of [
      json,
      go,
      encodeURIComponent(marks),
      encodeURIComponent(marks).toLowerCase(),
    ])
      assert.equal(all.find(text).length > 0, true, text);
  });

  it('finds any piece of so many bytes, and none that is shorter', () => {
    const value = randomBytes(24).toString('base64url');
    const one = new Detector([secret('key', value)]);
    for (let from = 0; from + PIECE <= value.length; from++) {
      const piece = value.slice(from, from + PIECE);
      assert.deepEqual(one.find(`....${piece}....`), [{ secret: 'key', form: 'raw' }]);
      assert.deepEqual(one.find(`....${piece.slice(1)}....`), []);
    }
  });

  it('finds one wherever it lies and however it is cut into chunks', () => {
    const values = Array.from({ length: 5 }, () => randomBytes(32));
    const all = new Detector(values.map((value, i) => secret(`secret ${i}`, value)));
    fc.assert(
      fc.property(
        fc.nat(4),
        fc.uint8Array({ maxLength: 100 }),
        fc.uint8Array({ maxLength: 100 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (which, before, after, sizes) => {
          const value = values[which] ?? Buffer.alloc(0);
          const scan = all.open();
          let rest = Buffer.concat([before, value, after]);
          for (let i = 0; rest.length > 0; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            scan.push(rest.subarray(0, size));
            rest = rest.subarray(size);
          }
          assert.deepEqual(scan.hits, [{ secret: `secret ${which}`, form: 'raw' }]);
          assert.equal(scan.bytes, before.length + value.length + after.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('finds nothing in what has nothing of it', () => {
    const all = new Detector([secret('one', randomBytes(32)), secret('other', randomBytes(32))]);
    assert.deepEqual(all.find(randomBytes(1_000_000)), []);
    assert.deepEqual(all.find(Buffer.alloc(1_000_000)), []);
  });

  it('knows a private key by its number, in PEM of any kind, and not by what all keys share', () => {
    const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const [{ privateKey: key, publicKey }, { privateKey: other }] = [pair(), pair()];
    const pem = (type: 'pkcs8' | 'sec1') => key.export({ type, format: 'pem' }).toString();
    const one = new Detector([privateKey('key', pem('pkcs8'))]);
    for (const leak of [pem('pkcs8'), pem('sec1'), JSON.stringify({ key: pem('sec1') })])
      assert.notDeepEqual(one.find(leak), []);
    assert.notDeepEqual(one.find(key.export({ type: 'pkcs8', format: 'der' })), []);
    assert.deepEqual(one.find(other.export({ type: 'pkcs8', format: 'pem' }).toString()), []);
    assert.deepEqual(one.find(publicKey.export({ type: 'spki', format: 'pem' }).toString()), []);
  });

  it('refuses a value whose pieces would be found by chance', () => {
    assert.throws(() => secret('pin', 'x'.repeat(SHORTEST - 1)), /the pin has 19 bytes/);
  });

  it('tells a leak from a place where a secret belongs, and a place that is not needed', async () => {
    const file: Sample = { surface: 'filesystems', where: 'container a: /key', content: VALUE };
    const copy: Sample = { surface: 'filesystems', where: 'container b: /key', content: VALUE };
    const why = 'a test';
    const allowances: Allowance[] = [
      { secret: 'password', where: 'container a: /key', why },
      { secret: 'password', where: /^container c/, why },
      { secret: 'another', where: 'container b: /key', why },
    ];
    const samples = async function* () {
      yield file;
      yield copy;
    };
    const searched = await search(detector, samples());
    assert.equal(searched.bytes.get('filesystems'), 2 * bytes.length);
    assert.deepEqual(searched.leaks('filesystems', allowances), [
      'password (raw) in container b: /key',
    ]);
    assert.deepEqual(searched.leaks('logs', allowances), []);
    assert.deepEqual(searched.unneeded(allowances), allowances.slice(1));
  });
});
