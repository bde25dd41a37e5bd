/**
 * The files that an image is built from. The engine applies no ignore list to a context that
 * comes as an archive, so it is applied here, as the docker command and the provider do.
 */

import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Readable } from 'node:stream';
import dockerignore from '@balena/dockerignore';
import { pack } from 'tar-stream';
import { RunnerError } from '../errors.ts';

/** One entry, its path relative to the context with forward slashes. */
export type ContextEntry =
  | { kind: 'file'; path: string; mode: number; modified: Date }
  | { kind: 'folder'; path: string; mode: number; modified: Date }
  | { kind: 'link'; path: string; mode: number; modified: Date; target: string };

export interface BuildContext {
  directory: string;
  /** Path of the Dockerfile in the context. */
  dockerfile: string;
  /** Sorted by path, folders before what is in them. */
  entries: ContextEntry[];
}

/** Throws a RunnerError when the folder or the Dockerfile is not there. */
export async function readBuildContext(
  directory: string,
  dockerfile: string,
): Promise<BuildContext> {
  const inside = relative(directory, dockerfile).split(sep).join('/');
  if (inside.startsWith('..')) {
    throw new RunnerError(
      `The Dockerfile ${dockerfile} is outside the build context ${directory}; the local runner needs it inside.`,
    );
  }
  if (!(await isFile(dockerfile))) {
    throw new RunnerError(
      `There is no Dockerfile at ${dockerfile}. Set build.dockerfile to its path, relative to the program's folder.`,
    );
  }
  const entries: ContextEntry[] = [];
  await walk(
    directory,
    '',
    ignoreList(await readIgnoreFile(directory, dockerfile), inside),
    entries,
  );
  return { directory, dockerfile: inside, entries };
}

/** `<Dockerfile>.dockerignore` wins over the context's own list, as in BuildKit. */
async function readIgnoreFile(directory: string, dockerfile: string): Promise<string> {
  for (const file of [`${dockerfile}.dockerignore`, join(directory, '.dockerignore')]) {
    if (await isFile(file)) return readFile(file, 'utf8');
  }
  return '';
}

/** What of a context is left out. Both questions are about paths relative to the context. */
export interface IgnoreList {
  leavesOut(path: string): boolean;
  /** True when something inside a folder that is left out may still be in. */
  mayHoldExceptions(folder: string): boolean;
}

/** @param always a path that is in whatever the list says: the Dockerfile */
export function ignoreList(content: string, always: string): IgnoreList {
  const rules = dockerignore.default({ ignorecase: false }).add(content);
  const exceptions = content
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('!'))
    .map((line) => fixedPrefix(line.slice(1).trim().replace(/^\//, '')));
  return {
    leavesOut: (path) => path !== always && rules.ignores(path),
    mayHoldExceptions: (folder) =>
      [...exceptions, always].some(
        (prefix) => prefix.startsWith(`${folder}/`) || `${folder}/`.startsWith(prefix),
      ),
  };
}

/** What every path in or under a match begins with: the pattern up to its first wildcard. */
function fixedPrefix(pattern: string): string {
  const wildcard = pattern.search(/[*?[\\]/);
  return wildcard === -1 ? `${pattern.replace(/\/$/, '')}/` : pattern.slice(0, wildcard);
}

async function walk(
  directory: string,
  folder: string,
  list: IgnoreList,
  entries: ContextEntry[],
): Promise<void> {
  const names = (await readdir(join(directory, folder))).sort();
  for (const name of names) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const out = list.leavesOut(path);
    const info = await lstat(join(directory, path));
    const common = { path, mode: info.mode & 0o7777, modified: info.mtime };
    if (info.isDirectory()) {
      if (out && !list.mayHoldExceptions(path)) continue;
      const before = entries.length;
      entries.push({ kind: 'folder', ...common });
      await walk(directory, path, list, entries);
      // A folder that is left out is there only for what is in it.
      if (out && entries.length === before + 1) entries.pop();
    } else if (!out && info.isSymbolicLink()) {
      entries.push({ kind: 'link', ...common, target: await readlink(join(directory, path)) });
    } else if (!out && info.isFile()) {
      entries.push({ kind: 'file', ...common });
    }
  }
}

/** Changes when, and only when, a path, a mode, a link's target or a file's content changes. */
export async function contextDigest({ directory, entries }: BuildContext): Promise<string> {
  const digest = createHash('sha256');
  for (const entry of entries) {
    digest.update(`${entry.kind}\0${entry.path}\0${entry.mode.toString(8)}\0`);
    if (entry.kind === 'link') digest.update(`${entry.target}\0`);
    if (entry.kind === 'file') {
      const content = await readFile(join(directory, entry.path));
      digest.update(`${content.length}\0`).update(content);
    }
  }
  return digest.digest('hex');
}

/** The context as the archive that the engine takes; everything in it belongs to root. */
export function contextArchive({ directory, entries }: BuildContext): Readable {
  const archive = pack();
  const fill = async () => {
    for (const entry of entries) {
      const common = { name: entry.path, mode: entry.mode, mtime: entry.modified, uid: 0, gid: 0 };
      if (entry.kind === 'folder') archive.entry({ ...common, type: 'directory' });
      else if (entry.kind === 'link') {
        archive.entry({ ...common, type: 'symlink', linkname: entry.target });
      } else archive.entry(common, await readFile(join(directory, entry.path)));
    }
    archive.finalize();
  };
  fill().catch((error) => archive.destroy(error));
  return archive as unknown as Readable;
}

async function isFile(path: string): Promise<boolean> {
  return lstat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}
