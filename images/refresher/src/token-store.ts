/**
 * The token file on disk. A reader sees the old file or the new one, whole, at any moment and after any crash:
 * write aside, fsync, rename, fsync of the folder.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  formatTokenFile,
  readTokenFile,
  type Token,
  type TokenFile,
} from '../../kit/src/token-file.ts';

/** Owner reads and writes, group (the proxy) reads, others nothing. */
const MODE = 0o640;

export interface StoredToken {
  readonly file: TokenFile;
  /** Last change of the file, epoch ms: about when the token in it was issued. */
  readonly modifiedAt: number | undefined;
}

export interface TokenStore {
  /** Reads the file; never throws. */
  read(): Promise<StoredToken>;
  /** Replaces the file; on failure the old one is untouched and no temporary file stays. */
  write(token: Token): Promise<void>;
  /**
   * Proves that the folder takes a file, and that none is in the token file's place.
   * @throws the error of the file system
   */
  tryFolder(): Promise<void>;
  /** Removes what killed writers left behind; also what others write just now, who then write again. */
  removeLeftovers(): Promise<void>;
}

export function createTokenStore(path: string): TokenStore {
  const folder = dirname(path);
  const prefix = `.${basename(path)}.`;
  const temporary = () => join(folder, `${prefix}${randomBytes(8).toString('hex')}.tmp`);
  const isTemporary = (name: string) => name.startsWith(prefix) && name.endsWith('.tmp');

  async function replace(text: string): Promise<void> {
    const aside = temporary();
    try {
      await writeDurably(aside, text);
      await rename(aside, path);
    } catch (error) {
      await unlink(aside).catch(() => {});
      throw error;
    }
  }

  return {
    async read() {
      const file = await readTokenFile(path);
      const modifiedAt = await lstat(path).then(
        (info) => info.mtimeMs,
        () => undefined,
      );
      return { file, modifiedAt };
    },

    async write(token) {
      const text = formatTokenFile(token);
      await replace(text).catch((error: unknown) => {
        // Another refresher on this folder that starts just now may have removed our temporary file as a leftover.
        if (isMissing(error)) return replace(text);
        throw error;
      });
      await syncFolder(folder);
    },

    async tryFolder() {
      const trial = temporary();
      await writeDurably(trial, '{}\n').finally(() => unlink(trial).catch(() => {}));
      const info = await lstat(path).catch(() => undefined);
      if (info?.isDirectory())
        throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR' });
    },

    async removeLeftovers() {
      for (const name of (await readdir(folder)).filter(isTemporary))
        await unlink(join(folder, name)).catch(unlessMissing);
    },
  };
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function unlessMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}

async function writeDurably(path: string, text: string): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, 0o600);
  try {
    await file.writeFile(text);
    // Not at creation, where the umask would have a say.
    await file.chmod(MODE);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
