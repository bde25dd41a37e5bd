/**
 * A lock with a lease beside the token file, so that of several refreshers on one folder one at a time logs in. It
 * saves logins and guards nothing: every write of the file is whole by itself, so a lock that is lost or taken twice
 * costs a login more. Written here since the lock libraries of npm are unmaintained or need a compiler.
 *
 * The holder touches the lock file while it works. One that was not touched for a lease, or that comes from the future
 * (the clock went back), belongs to nobody any more: its holder was killed or stands still.
 */
import { randomBytes } from 'node:crypto';
import { link, lstat, readFile, rename, unlink, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../../kit/src/clock.ts';

/** How long a lock outlives a holder that was killed, ms. */
export const LEASE_MS = 5_000;
const TOUCHES_PER_LEASE = 4;

export interface Lock {
  /**
   * Takes the lock if it is free. @returns whether it is ours now
   * @throws the error of the file system, when the folder takes no lock file at all
   */
  take(): Promise<boolean>;
  /** Gives the lock back, if it is still ours; never throws. */
  release(): Promise<void>;
}

/** A lock for the file at `path`; every holder has a lock object of its own. */
export function createLock(path: string, clock: Clock, leaseMs = LEASE_MS): Lock {
  const file = join(dirname(path), `.${basename(path)}.lock`);
  const owner = randomBytes(8).toString('hex');
  // Named like the temporary files of the token file, which a starting refresher removes.
  const aside = `${file}.${owner}.tmp`;
  let touching: NodeJS.Timeout | undefined;

  const holder = () => readFile(file, 'utf8').catch(() => undefined);
  const touch = async () => {
    const now = new Date(clock.now());
    if ((await holder()) === owner) await utimes(file, now, now);
  };

  /** Makes the lock file, whole and with its time, or finds one there. */
  async function create(): Promise<boolean> {
    const now = new Date(clock.now());
    try {
      await writeFile(aside, owner, { flag: 'wx', mode: 0o600 });
      await utimes(aside, now, now);
      await link(aside, file);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    } finally {
      await unlink(aside).catch(() => {});
    }
    // In real time: a login takes as long as it takes, whatever the clock says meanwhile.
    touching = setInterval(() => {
      touch().catch(() => {});
    }, leaseMs / TOUCHES_PER_LEASE).unref();
    return true;
  }

  /** Removes a lock that belongs to nobody any more. */
  async function clear(): Promise<void> {
    const before = await holder();
    const touchedAt = await lstat(file).then(
      (info) => info.mtimeMs,
      () => undefined,
    );
    if (touchedAt === undefined) return;
    const age = clock.now() - touchedAt;
    if (age >= -leaseMs && age < leaseMs) return;
    // Taken aside first: between the look and the removal another may have cleared it and made its own.
    await rename(file, aside).catch(() => {});
    const taken = await readFile(aside, 'utf8').catch(() => undefined);
    if (taken !== before) await link(aside, file).catch(() => {});
    await unlink(aside).catch(() => {});
  }

  return {
    async take() {
      if (await create()) return true;
      await clear();
      return create();
    },
    async release() {
      clearInterval(touching);
      if ((await holder()) === owner) await unlink(file).catch(() => {});
    },
  };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
