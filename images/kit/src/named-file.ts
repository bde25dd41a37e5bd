/** Files that settings name: read with bounds, and told in words when they cannot be used. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Setting } from './settings.ts';

/** Why a file cannot be used, in words that fit behind "which", and what mends it, as a sentence. */
export interface Trouble {
  readonly reason: string;
  readonly remedy: string;
}

/** A file that cannot be used; the message has the path and the reason, never the content. */
export class NamedFileError extends Error implements Trouble {
  readonly path: string;
  readonly reason: string;
  readonly remedy: string;
  constructor(path: string, { reason, remedy }: Trouble, cause?: unknown) {
    super(`file ${path} ${reason}`, cause === undefined ? {} : { cause });
    this.name = 'NamedFileError';
    this.path = path;
    this.reason = reason;
    this.remedy = remedy;
  }
}

/**
 * Reads the text of a regular file of at most `maxBytes`. Never waits for a writer, as reading a FIFO does.
 * @throws NamedFileError when it cannot be read
 */
export async function readNamedFile(path: string, maxBytes: number): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const info = await file.stat();
      if (info.isDirectory()) throw new NamedFileError(path, FOLDER);
      if (!info.isFile())
        throw new NamedFileError(path, {
          reason: 'is not a regular file',
          remedy: 'It is read more than once: put the content into a regular file.',
        });
      if (info.size > maxBytes)
        throw new NamedFileError(path, {
          reason: `has ${info.size} bytes; at most ${maxBytes} are read`,
          remedy: 'Correct the path, or leave only what belongs there in the file.',
        });
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof NamedFileError) throw error;
    throw new NamedFileError(path, unreadable(path, error), error);
  }
}

/** User and group of this process, as `chown` takes them. */
export const user = () => `${process.getuid?.() ?? '?'}:${process.getgid?.() ?? '?'}`;

export const codeOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown error';

const FOLDER: Trouble = {
  reason: 'is a folder',
  remedy:
    'Name a file. When it was mounted as one, it was missing on the host, where Docker then makes a folder: remove that, write the file and make the container again.',
};

function unreadable(path: string, error: unknown): Trouble {
  const code = codeOf(error);
  switch (code) {
    case 'ENOENT':
      return { reason: 'does not exist', remedy: 'Write or mount the file, or correct the path.' };
    case 'ENOTDIR':
      return {
        reason: 'cannot exist, since a part of its path is not a folder',
        remedy: 'Correct the path.',
      };
    case 'EACCES':
    case 'EPERM':
      return {
        reason: `user ${user()} may not read (${code})`,
        remedy: `Give it to that user: chown ${user()} ${path} && chmod 0400 ${path}; the folders above it need to let that user through.`,
      };
    default:
      return { reason: `cannot be read (${code})`, remedy: 'Mend the disk or the mount.' };
  }
}

/**
 * Checks the file that a setting names; nothing to check without a path. @returns a line if it cannot be used
 * @param check throws NamedFileError when the file at the path cannot be used
 */
export async function problemWithFile(
  { variable, allowed }: Setting<unknown>,
  path: string | undefined,
  check: (path: string) => Promise<unknown>,
): Promise<string[]> {
  if (path === undefined) return [];
  try {
    await check(path);
    return [];
  } catch (error) {
    if (!(error instanceof NamedFileError)) throw error;
    return [`${variable} is ${path}, which ${error.reason}; expected ${allowed}. ${error.remedy}`];
  }
}
