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
   * Removes what a killed writer left behind and proves that the folder takes a file.
   * @throws TokenFolderError in words for the operator
   */
  prepare(): Promise<void>;
}

/** The token file's folder cannot be used. */
export class TokenFolderError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'TokenFolderError';
  }
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

    async prepare() {
      try {
        const leftovers = (await readdir(folder)).filter(isTemporary);
        for (const name of leftovers) await unlink(join(folder, name)).catch(unlessMissing);
        const trial = temporary();
        await writeDurably(trial, '{}\n').finally(() => unlink(trial).catch(() => {}));
      } catch (error) {
        throw new TokenFolderError(
          `the token folder ${folder} does not take a file; it must be a folder that user ${process.getuid?.() ?? 'of this process'} can write, not read-only and not full (TOKEN_FILE sets the path)`,
          error,
        );
      }
      const info = await lstat(path).catch(() => undefined);
      if (info?.isDirectory())
        throw new TokenFolderError(`${path} is a folder; TOKEN_FILE must name a file`);
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
