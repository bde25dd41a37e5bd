import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonical } from '../../local/canonical.ts';
import { fingerprint, isOwn } from '../../local/fingerprint.ts';
import { secret } from '../../local/secret-value.ts';

const key = new Uint8Array(32).fill(1);
const otherKey = new Uint8Array(32).fill(2);

test('equal inputs give equal fingerprints, whatever the order of keys and the marks', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (inputs) => {
      const turned = Object.fromEntries(Object.entries(inputs).reverse());
      const marked = { ...turned, password: secret('p') };
      assert.equal(canonical(turned), canonical(inputs));
      assert.equal(
        fingerprint(key, 'urn:a', { ...inputs, password: 'p' }),
        fingerprint(key, 'urn:a', marked),
      );
    }),
  );
});

test('another input, another resource and another stack each give another fingerprint', () => {
  const label = fingerprint(key, 'urn:a', { envs: ['A=1'] });
  assert.notEqual(label, fingerprint(key, 'urn:a', { envs: ['A=2'] }));
  assert.notEqual(label, fingerprint(key, 'urn:b', { envs: ['A=1'] }));
  assert.notEqual(label, fingerprint(otherKey, 'urn:a', { envs: ['A=1'] }));
});

test('a resource is recognised as own after its inputs changed, and by its stack only', () => {
  const label = fingerprint(key, 'urn:a', { envs: ['A=1'] });
  assert.ok(isOwn(key, 'urn:a', label));
  assert.ok(!isOwn(key, 'urn:b', label));
  assert.ok(!isOwn(otherKey, 'urn:a', label));
  assert.ok(!isOwn(key, 'urn:a', undefined));
});
