/** The refresher as a process with the flags and the compile cache of its image, and others that do its work. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { DEMO_USER } from '../../images/demo-dremio/src/index.ts';
import type { Workplace } from '../../test/helpers/refresher-process.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const SERVICE = 'images/refresher/src/main.ts';
const COMPILE_CACHE = `${ROOT}node_modules/.cache/bench-compile`;

/** Node's flags in the image's command. */
export const FLAGS = [
  ...readFileSync(`${ROOT}images/refresher/refresher`, 'utf8').matchAll(/ (--[a-z][^\s]*)/g),
].map(([, flag]) => flag as string);

const ENVIRONMENT = {
  PATH: process.env.PATH ?? '',
  NODE_ENV: 'production',
  NODE_COMPILE_CACHE: COMPILE_CACHE,
  MALLOC_ARENA_MAX: '1',
};

export const settingsFor = (dremioUrl: string, place: Workplace) => ({
  DREMIO_URL: dremioUrl,
  DREMIO_USERNAME: DEMO_USER.userName,
  DREMIO_PASSWORD_FILE: place.passwordFile,
  TOKEN_FILE: place.tokenFile,
  OPERATIONS_PORT: '0',
});

/** Starts a program of this repository as the image starts the service; standard output is a pipe or thrown away. */
export function startNode(
  program: string,
  settings: Record<string, string>,
  {
    flags = [] as string[],
    stdout = 'ignore' as 'ignore' | 'pipe',
    stderr = 'inherit' as 'inherit' | 'ignore',
    ipc = false,
  } = {},
): ChildProcess {
  return spawn(process.execPath, [...FLAGS, ...flags, `${ROOT}${program}`], {
    env: { ...ENVIRONMENT, ...settings },
    stdio: ['ignore', stdout, stderr, ...(ipc ? (['ipc'] as const) : [])],
  });
}

export const startService = (
  settings: Record<string, string>,
  stdout: 'ignore' | 'pipe' = 'ignore',
) => startNode(SERVICE, settings, { stdout });

/** Fills the compile cache, as building the image does: without settings a program is loaded and ends. */
export async function warm(program = SERVICE, flags: string[] = []): Promise<void> {
  await once(startNode(program, {}, { flags, stderr: 'ignore' }), 'close');
}

/** Resolves with the time, by `performance.now`, at which there is a file that is not empty. */
export async function fileAppears(path: string): Promise<number> {
  const deadline = performance.now() + 60_000;
  while ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) {
    if (performance.now() > deadline) throw new Error(`${path} did not appear within 60 s`);
    await delay(1);
  }
  return performance.now();
}

/** Ends a process in order, so that it leaves no lock behind. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  await closed;
}
