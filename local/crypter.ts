/**
 * Pulumi's passphrase encryption, so that config files and this runner's state can be read by
 * either tool (pulumi/pulumi sdk/go/common/resource/config/crypt.go, pkg/secrets/passphrase).
 */

import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { RunnerError } from './errors.ts';

const cipherName = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const saltBytes = 8;
const iterations = 1_000_000;
/** What a salt carries in encrypted form, so that a wrong passphrase is noticed at once. */
const sentinel = 'pulumi';

const derive = promisify(pbkdf2);

/** Encrypts and decrypts single values with one key. */
export class Crypter {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    if (key.length !== keyBytes) throw new RangeError(`AES-256 needs ${keyBytes} key bytes`);
    this.#key = key;
  }

  /** Returns `v1:<nonce>:<ciphertext and tag>`, both base64. */
  encrypt(plaintext: string): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(cipherName, this.#key, nonce);
    const body = Buffer.concat([
      cipher.update(plaintext, 'utf8'),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    return `v1:${nonce.toString('base64')}:${body.toString('base64')}`;
  }

  /** Throws a plain Error when the text is malformed, was changed, or has another key. */
  decrypt(ciphertext: string): string {
    const [version, nonceText, bodyText, ...rest] = ciphertext.split(':');
    if (version !== 'v1' || nonceText === undefined || bodyText === undefined || rest.length > 0) {
      throw new Error('a secret value must have the form v1:<nonce>:<ciphertext>');
    }
    const nonce = Buffer.from(nonceText, 'base64');
    const body = Buffer.from(bodyText, 'base64');
    if (nonce.length !== nonceBytes || body.length < tagBytes) {
      throw new Error('a secret value is cut short');
    }
    const decipher = createDecipheriv(cipherName, this.#key, nonce, { authTagLength: tagBytes });
    decipher.setAuthTag(body.subarray(-tagBytes));
    return Buffer.concat([decipher.update(body.subarray(0, -tagBytes)), decipher.final()]).toString(
      'utf8',
    );
  }
}

/** Deriving a key takes a tenth of a second by design, so each is derived once per process. */
const derived = new Map<string, Promise<Uint8Array>>();

function deriveKey(passphrase: string, salt: Buffer): Promise<Uint8Array> {
  const id = `${salt.toString('base64')}:${passphrase}`;
  const known = derived.get(id) ?? derive(passphrase, salt, iterations, keyBytes, 'sha256');
  derived.set(id, known);
  return known;
}

/**
 * Makes the crypter of an `encryptionsalt`. Throws a RunnerError when the passphrase is not the
 * one the salt was made with.
 */
export async function openCrypter(passphrase: string, encryptionSalt: string): Promise<Crypter> {
  const [version, saltText, ...sealed] = encryptionSalt.split(':');
  const salt = Buffer.from(saltText ?? '', 'base64');
  if (version !== 'v1' || salt.length !== saltBytes || sealed.length === 0) {
    throw new RunnerError(
      'The encryptionsalt is malformed: expected v1:<8 bytes in base64>:v1:<nonce>:<ciphertext>. ' +
        'Restore the line from version control.',
    );
  }
  const crypter = new Crypter(await deriveKey(passphrase, salt));
  try {
    if (crypter.decrypt(sealed.join(':')) === sentinel) return crypter;
  } catch {
    // Told below: a failed authentication and a wrong text mean the same to the user.
  }
  throw new RunnerError(
    'Incorrect passphrase: it does not open the encryptionsalt of this stack. ' +
      'Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to the passphrase the stack was made with.',
  );
}

/** Makes a new `encryptionsalt` for a passphrase, as `pulumi stack init` does. */
export async function newEncryptionSalt(passphrase: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const crypter = new Crypter(await deriveKey(passphrase, salt));
  return `v1:${salt.toString('base64')}:${crypter.encrypt(sentinel)}`;
}

/** Encrypts one value for a `secure:` entry of a stack's config file. */
export async function encryptSecret(
  plaintext: string,
  passphrase: string,
  encryptionSalt: string,
): Promise<string> {
  return (await openCrypter(passphrase, encryptionSalt)).encrypt(plaintext);
}
