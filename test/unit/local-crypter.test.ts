import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Crypter, encryptSecret, newEncryptionSalt, openCrypter } from '../../local/crypter.ts';
import { RunnerError } from '../../local/errors.ts';

// Made by Pulumi: pulumi/pulumi pkg/secrets/passphrase/manager_test.go (`state`), and the same test
// where the manager is a plugin of its own (`emptyPassphraseState`).
const saltOfPassword = 'v1:fozI5u6B030=:v1:F+6ZduKKd8G0/V7L:PGMFeIzwobWRKmEAzUdaQHqC5mMRIQ==';
const saltOfNothing = 'v1:LVuDkcjhUns=:v1:WPbL+tmbxnqWswQ2:lebZxStyHT3IZkmbN+3xCx9zqtoPog==';

test("opens salts that Pulumi made, with their passphrases and with Pulumi's empty one", async () => {
  await openCrypter('password', saltOfPassword);
  await openCrypter('', saltOfNothing);
});

test('a wrong passphrase is refused and named as the cause, not as a damaged file', async () => {
  await assert.rejects(openCrypter('password123', saltOfPassword), (error: Error) => {
    assert.ok(error instanceof RunnerError);
    assert.match(error.message, /^Incorrect passphrase/);
    assert.ok(!error.message.includes('password123'));
    return true;
  });
});

test('a salt without its version, as in a damaged file, is refused', async () => {
  const broken = 'fozI5u6B030=:v1:F+6ZduL:PGMFeIzwobWRKmEAzUdaQHqC5mMRIQ==';
  await assert.rejects(openCrypter('password', broken), /encryptionsalt is malformed/);
});

test('a value encrypted for a config file is read back with the same passphrase', async () => {
  const salt = await newEncryptionSalt('open sesame');
  const sealed = await encryptSecret('s3cret: äöü', 'open sesame', salt);
  assert.match(sealed, /^v1:[A-Za-z0-9+/]{16}:[A-Za-z0-9+/=]+$/);
  assert.equal((await openCrypter('open sesame', salt)).decrypt(sealed), 's3cret: äöü');
});

test('any text survives encryption, and no two encryptions of it look alike', () => {
  const crypter = new Crypter(new Uint8Array(32).fill(7));
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const sealed = crypter.encrypt(text);
      assert.equal(crypter.decrypt(sealed), text);
      assert.notEqual(crypter.encrypt(text), sealed);
    }),
  );
});

test('a changed ciphertext, nonce or form is refused instead of giving a wrong value', () => {
  const crypter = new Crypter(new Uint8Array(32).fill(7));
  const [, nonce = '', body = ''] = crypter.encrypt('value').split(':');
  const flipped = Buffer.from(body, 'base64').map((byte, at) => (at === 0 ? byte ^ 1 : byte));
  const otherNonce = Buffer.alloc(12, 1).toString('base64');
  for (const wrong of [
    `v1:${nonce}:${Buffer.from(flipped).toString('base64')}`,
    `v1:${otherNonce}:${body}`,
    `v2:${nonce}:${body}`,
    `v1:${nonce}:AAAA`,
    'value',
  ]) {
    assert.throws(() => crypter.decrypt(wrong), Error, wrong);
  }
});
