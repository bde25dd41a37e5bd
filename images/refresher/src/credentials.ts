/** User name and password, read anew whenever they are needed, so that a changed file is taken up. */
import { createHmac, randomBytes } from 'node:crypto';
import { watch } from 'node:fs';
import { dirname } from 'node:path';
import { readSecretFile } from '../../kit/src/secret-file.ts';
import type { Credentials } from './dremio.ts';

/** A short name for a secret: the same within this process, useless outside it. */
export type Fingerprint = (secret: string) => string;

export function createFingerprint(key: Buffer = randomBytes(32)): Fingerprint {
  return (secret) => createHmac('sha256', key).update(secret).digest('hex').slice(0, 16);
}

export interface CredentialSource {
  /** @throws NamedFileError when the password file cannot be used */
  read(): Promise<Credentials>;
  /**
   * Calls back when the password file may have changed, until `signal` aborts. Where the system cannot watch (no
   * inotify instance left, a network mount), it never does; whoever needs the change must also look now and then.
   */
  watch(changed: () => void, signal: AbortSignal): void;
}

export function credentialFiles(username: string, passwordFile: string): CredentialSource {
  return {
    read: async () => ({ username, password: await readSecretFile(passwordFile) }),
    watch(changed, signal) {
      try {
        // The folder, not the file: secrets are often replaced by renaming a file or a link over them.
        watch(dirname(passwordFile), { signal, persistent: false }, changed).on('error', () => {});
      } catch {
        // The look at every tick remains.
      }
    },
  };
}

/** One value that changes when user name or password do. */
export function digest({ username, password }: Credentials, fingerprint: Fingerprint): string {
  return fingerprint(JSON.stringify([username, password]));
}
