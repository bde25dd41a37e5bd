import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mask } from '../../local/mask.ts';
import { isSecret, reveal, secret, secretTexts } from '../../local/secret-value.ts';

test('marking and revealing gives any value back, and marks nothing twice', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const marked = secret(value);
      assert.ok(isSecret(marked));
      assert.deepEqual(secret(marked), marked);
      assert.deepEqual(reveal({ deep: [marked] }), { deep: [value] });
    }),
  );
});

test('secret texts are found inside marked values only', () => {
  const value = { plain: 'open', list: [secret({ user: 'ann', key: ['k1', 2] }), 'also open'] };
  assert.deepEqual(secretTexts(value), ['ann', 'k1']);
});

test('a masked message shows no part of a secret that contains another', () => {
  const mask = new Mask();
  mask.add(['hunter', 'hunter2-extended', 'abc']);
  assert.equal(
    mask.apply('tried hunter2-extended and hunter, abc'),
    'tried [secret] and [secret], abc',
  );
});
