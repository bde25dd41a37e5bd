/** One run at a time per stack: a lock file that names its holder. */

import { execFile } from 'node:child_process';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { RunnerError } from './errors.ts';

interface Holder {
  pid: number;
  /** When the process started, in the system's own words; tells a reused pid apart. */
  processStart: string;
  host: string;
  /** RFC 3339. */
  since: string;
}

export interface Lock {
  release(): Promise<void>;
}

/** Throws a RunnerError that names the holder when another run has the stack. */
export async function acquireLock(stateDir: string): Promise<Lock> {
  const file = join(stateDir, 'lock');
  const holder: Holder = {
    pid: process.pid,
    processStart: (await processStart(process.pid)) ?? '',
    host: hostname(),
    since: new Date().toISOString(),
  };
  if (!(await take(file, holder))) {
    await clearStale(file, stateDir);
    if (!(await take(file, holder))) throw heldError(stateDir, await readHolder(file));
  }
  return {
    async release() {
      await rm(file, { force: true });
    },
  };
}

/** A hard link appears with its whole content or not at all, unlike a file that is being written. */
async function take(file: string, holder: Holder): Promise<boolean> {
  const draft = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(draft, JSON.stringify(holder), { mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function clearStale(file: string, stateDir: string): Promise<void> {
  const holder = await readHolder(file);
  if (holder === undefined) return;
  if (holder.host !== hostname()) throw heldError(stateDir, holder);
  if ((await processStart(holder.pid)) === holder.processStart) throw heldError(stateDir, holder);
  const aside = `${file}.stale.${process.pid}`;
  await rename(file, aside).catch(() => {});
  const moved = await readHolder(aside);
  // Another run may have cleared it first and taken the lock: give it back.
  if (moved !== undefined && moved.since !== holder.since) await link(aside, file).catch(() => {});
  await rm(aside, { force: true });
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function heldError(stateDir: string, holder: Holder | undefined): RunnerError {
  const who = holder
    ? `process ${holder.pid} on ${holder.host}, since ${holder.since}`
    : 'a run that has just ended';
  return new RunnerError(
    `Another run has this stack: ${who}. Wait for it or stop it, then try again. ` +
      `If that process is not a run of this stack, delete ${join(stateDir, 'lock')}.`,
  );
}

/** Undefined when there is no such process. */
async function processStart(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    // Field 22, counted behind the command's name, which may hold spaces (proc(5)).
    return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  }
  const ps = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(
    () => undefined,
  );
  return ps?.stdout.trim() || undefined;
}
