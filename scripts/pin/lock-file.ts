import { rename, rm, writeFile } from 'node:fs/promises';
import { type ImageLock, parseImageLock } from '../../infra/image-lock.ts';
import { readIfThere } from '../stack/stack-files.ts';

/** The lock at `path`; empty when there is no file yet. @throws ImageLockError when it is not valid */
export async function readLockFile(path: string): Promise<ImageLock> {
  return parseImageLock((await readIfThere(path)) ?? '{}', path);
}

/** Text of a lock: sorted, an entry a line, so that a change shows as one line. */
export function lockText(lock: ImageLock): string {
  const entries = [...lock].sort(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`;
}

/** Replaces the file as a whole: a reader sees the old lock or the new one. It is for git, so others may read it. */
export async function writeLockFile(path: string, lock: ImageLock): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, lockText(lock), { mode: 0o644 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
