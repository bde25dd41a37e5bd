/** What leaves the repository: the package that npm would publish, lists of what is in images, git's objects. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import type { Scope } from './scope.ts';
import type { Sample, Surface } from './search.ts';

const surface = 'packages' satisfies Surface;

export async function* packages({ checkout }: Scope): AsyncGenerator<Sample> {
  const folder = await mkdtemp(join(tmpdir(), 'lakehouse-pack-'));
  try {
    const words = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
    await promisify(execFile)('npm', words, { cwd: checkout });
    for (const name of await readdir(folder))
      yield {
        surface,
        where: `package ${name}`,
        content: gunzipSync(await readFile(join(folder, name))),
      };
  } finally {
    await rm(folder, { recursive: true });
  }
  const lists = join(checkout, 'sbom');
  for (const name of await readdir(lists).catch(() => []))
    yield { surface, where: `sbom/${name}`, content: await readFile(join(lists, name)) };
  if (existsSync(join(checkout, '.git'))) yield* history(checkout);
}

/** Every object that git has, reachable or not: files of all commits, messages, names. */
async function* history(checkout: string): AsyncGenerator<Sample> {
  const words = ['cat-file', '--batch', '--batch-all-objects', '--unordered'];
  const git = spawn('git', words, { cwd: checkout, stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise<number | null>((resolve) => git.once('close', resolve));
  yield { surface, where: "git's objects", content: git.stdout };
  const code = await ended;
  if (code !== 0) throw new Error(`git cat-file ended with ${code}`);
}
