/** A program written in Go, in the one version that tests are made for: the one on the PATH, else built and kept. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** The user's, so that `npm ci` does not clear it away. */
const CACHE = join(
  process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  'lakehouse-mcp',
  'go-programs',
);

export interface GoProgram {
  readonly name: string;
  /** Package of its `main`. */
  readonly source: string;
  readonly version: string;
  /** Arguments with which it says its version. */
  readonly ask: readonly string[];
}

/** The version that `caddyImage` has by default. */
export const CADDY: GoProgram = {
  name: 'caddy',
  source: 'github.com/caddyserver/caddy/v2/cmd/caddy',
  version: 'v2.10.2',
  ask: ['version'],
};

/** The ACME server that Let's Encrypt tests clients with. */
export const PEBBLE: GoProgram = {
  name: 'pebble',
  source: 'github.com/letsencrypt/pebble/v2/cmd/pebble',
  version: 'v2.10.1',
  ask: ['-version'],
};

/** What checks the workflows. */
export const ACTIONLINT: GoProgram = {
  name: 'actionlint',
  source: 'github.com/rhysd/actionlint/cmd/actionlint',
  version: 'v1.7.12',
  ask: ['-version'],
};

/** The program on the PATH, if it is there in this version. */
async function onPath({ name, ask, version }: GoProgram): Promise<string | undefined> {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const path = folders.map((folder) => join(folder, name)).find((one) => existsSync(one));
  if (path === undefined) return undefined;
  const said = await run(path, [...ask]).catch(() => undefined);
  return said?.stdout.includes(version) ? path : undefined;
}

/** Path of the program, or, without it and without Go, why a test that needs it is skipped. */
export async function goProgram(
  program: GoProgram,
): Promise<{ path: string; skip: false } | { path: ''; skip: string }> {
  const { name, source, version } = program;
  const there = await onPath(program);
  if (there !== undefined) return { path: there, skip: false };
  const kept = join(CACHE, `${name}-${version}`);
  if (existsSync(kept)) return { path: kept, skip: false };
  if (!(await run('go', ['version']).catch(() => undefined)))
    return { path: '', skip: `needs ${name} ${version} on the PATH, or Go to build it with` };
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, `${name}-`));
  try {
    // Static, so that it runs in an image of any distribution.
    const env = { ...process.env, CGO_ENABLED: '0', GOBIN: folder, GOFLAGS: '-trimpath' };
    await run('go', ['install', '-ldflags=-s -w', `${source}@${version}`], { env, cwd: folder });
    await rename(join(folder, name), kept);
  } finally {
    await rm(folder, { recursive: true });
  }
  return { path: kept, skip: false };
}
