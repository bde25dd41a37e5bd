/** User name and password, read anew whenever they are needed, so that a changed file is taken up. */
import { createHmac, randomBytes } from 'node:crypto';
import { readSecretFile } from '../../kit/src/secret-file.ts';
import type { Credentials } from './dremio.ts';

/** A short name for a secret: the same within this process, useless outside it. */
export type Fingerprint = (secret: string) => string;

export function createFingerprint(key: Buffer = randomBytes(32)): Fingerprint {
  return (secret) => createHmac('sha256', key).update(secret).digest('hex').slice(0, 16);
}

export interface CredentialSource {
  /** @throws SecretFileError when the password file cannot be used */
  read(): Promise<Credentials>;
}

export function credentialFiles(username: string, passwordFile: string): CredentialSource {
  return { read: async () => ({ username, password: await readSecretFile(passwordFile) }) };
}

/** One value that changes when user name or password do. */
export function digest({ username, password }: Credentials, fingerprint: Fingerprint): string {
  return fingerprint(JSON.stringify([username, password]));
}
