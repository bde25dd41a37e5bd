/**
 * A note beside the token file of the credentials that its token was got with: a refresher that starts with others,
 * after a rotation of the password, logs in at once instead of when that token is due. It holds a keyed digest and the
 * key. Only the refresher's own user can read it, who can read the password itself.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createFingerprint, type Fingerprint } from './credentials.ts';

export interface CredentialsNote {
  /** Names credentials as the note does. */
  readonly fingerprint: Fingerprint;
  /** What the note says, in the words of `fingerprint`; `undefined` when there was none that can be used. */
  readonly noted: string | undefined;
  /** @throws the error of the file system */
  write(digest: string): Promise<void>;
}

const NOTE = /^\{"key":"([0-9a-f]{64})","digest":"([0-9a-f]{16})"\}$/;

/** Opens the note of the token file at `path`; never throws: without a note the token is taken as it is. */
export async function openCredentialsNote(path: string): Promise<CredentialsNote> {
  const file = join(dirname(path), `.${basename(path)}.credentials`);
  const text = await readFile(file, 'utf8').catch(() => '');
  const [, known, noted] = NOTE.exec(text) ?? [];
  const key = known ?? randomBytes(32).toString('hex');
  return {
    fingerprint: createFingerprint(Buffer.from(key, 'hex')),
    noted,
    async write(digest) {
      // Named like the temporary files of the token file, which a starting refresher removes.
      const aside = `${file}.${randomBytes(8).toString('hex')}.tmp`;
      try {
        await writeFile(aside, JSON.stringify({ key, digest }), { flag: 'wx', mode: 0o600 });
        await rename(aside, file);
      } catch (error) {
        await unlink(aside).catch(() => {});
        throw error;
      }
    },
  };
}
