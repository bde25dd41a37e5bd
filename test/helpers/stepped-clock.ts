/**
 * Simulated time for programs that do real work. Time stands still while anyone is at work, with real files and real
 * sockets, and moves to the earliest wake-up when everyone is asleep: a year of a service that mostly sleeps takes
 * seconds, and comes out the same on a slow machine.
 */
import { readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../images/kit/src/clock.ts';

/** Later than any file that is on this disk, so that no file comes from the future. */
export const SIMULATED_START = Date.parse('2040-01-01T00:00:00Z');
/** How long one stretch of work may take in real time before it counts as stuck, ms. */
const PATIENCE_MS = 30_000;
/** More wake-ups than this at one moment mean that someone asks for no pause for ever. */
const MAX_WAKES_AT_ONCE = 10_000;

/** One program that sleeps and works by this clock; it counts as at work until its first sleep. */
export interface Participant extends Clock {
  /** Moves this participant's wall clock alone, as a clock correction does; pauses keep their length. */
  jump(ms: number): void;
  /** Ends the waiting for this participant, which has stopped or is about to. */
  leave(): void;
}

interface Sleeper {
  /** By the monotonic clock, ms. */
  readonly at: number;
  wake(): void;
}

export class SteppedClock {
  readonly #start: number;
  readonly #participants = new Set<{ readonly name: string; sleeps: number }>();
  readonly #listeners = new Set<(from: number, to: number) => void>();
  #sleepers: Sleeper[] = [];
  #passed = 0;
  #suspended = 0;
  #whenQuiet: (() => void) | undefined;

  constructor(start = SIMULATED_START) {
    this.#start = start;
  }

  /** The true time, epoch ms; for whatever only reads the clock, such as a server in the same test. */
  now(): number {
    return this.#start + this.#passed + this.#suspended;
  }

  /** Simulated ms since the start without those spent suspended, as a machine's monotonic clock counts. */
  monotonic(): number {
    return this.#passed;
  }

  /** How many sleeps are pending. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** The clock for one program. Time waits for it whenever none of its sleeps is pending. */
  participant(name = 'the participant'): Participant {
    const owner = { name, sleeps: 0 };
    let ahead = 0;
    this.#participants.add(owner);
    return {
      now: () => this.now() + ahead,
      sleep: (ms, signal) => this.#sleep(owner, ms, signal),
      jump: (ms) => {
        ahead += ms;
      },
      leave: () => {
        this.#participants.delete(owner);
        this.#checkQuiet();
      },
    };
  }

  /** Tells `listener` of every stretch of time before it passes: everyone is asleep, nothing changes in it. */
  beforeMove(listener: (from: number, to: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Lets `ms` of time pass; at the end everyone is asleep.
   * @throws Error when someone works for longer than 30 s of real time
   */
  async advance(ms: number): Promise<void> {
    const end = this.#passed + ms;
    let wakes = 0;
    for (;;) {
      while (this.#busy().length > 0) await this.#quiet();
      const next = this.#nextWake();
      if (next > end) break;
      wakes = next > this.#passed ? 0 : wakes + 1;
      if (wakes > MAX_WAKES_AT_ONCE)
        throw new Error(
          `${wakes} wake-ups at one moment: someone sleeps for no time, again and again`,
        );
      this.#move(Math.max(next, this.#passed));
      // Those whose time it is work side by side, as they would.
      for (const sleeper of this.#sleepers.filter(({ at }) => at <= next)) sleeper.wake();
    }
    this.#move(end);
  }

  /** Lets time pass until `condition` holds while everyone is asleep; for at most `withinMs` of simulated time. */
  async advanceUntil(condition: () => boolean, withinMs: number): Promise<void> {
    const end = this.#passed + withinMs;
    for (;;) {
      while (this.#busy().length > 0) await this.#quiet();
      if (condition()) return;
      const next = this.#nextWake();
      if (next > end) throw new Error(`the condition did not hold within ${withinMs / 1000} s`);
      await this.advance(Math.max(0, next - this.#passed));
    }
  }

  /** Time passes while the machine is suspended: wall clocks go on, pauses do not get shorter, nobody wakes. */
  suspend(ms: number): void {
    this.#suspended += ms;
  }

  /** Time passes for everyone, also for those at work, as it does for a program that waits for an answer. */
  elapse(ms: number): void {
    this.#move(this.#passed + ms);
  }

  /** Resolves once everyone is asleep, without any time passing. */
  async settled(): Promise<void> {
    while (this.#busy().length > 0) await this.#quiet();
  }

  async #quiet(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#whenQuiet = resolve;
        timer = setTimeout(() => {
          const names = this.#busy().join(', ');
          reject(new Error(`${names}: at work for ${PATIENCE_MS / 1000} s without going to sleep`));
        }, PATIENCE_MS);
      });
    } finally {
      clearTimeout(timer);
      this.#whenQuiet = undefined;
    }
  }

  #nextWake(): number {
    return this.#sleepers.reduce((least, { at }) => Math.min(least, at), Infinity);
  }

  #busy(): string[] {
    return [...this.#participants].filter(({ sleeps }) => sleeps === 0).map(({ name }) => name);
  }

  #checkQuiet(): void {
    if (this.#whenQuiet && this.#busy().length === 0) this.#whenQuiet();
  }

  #move(to: number): void {
    if (to <= this.#passed) return;
    const from = this.now();
    for (const listener of this.#listeners) listener(from, from + to - this.#passed);
    this.#passed = to;
  }

  #sleep(owner: { sleeps: number }, ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper: Sleeper = {
        // Whole milliseconds, as a system's clock has them; never early.
        at: this.#passed + Math.ceil(Math.max(ms, 0)),
        wake: () => {
          const left = this.#sleepers.filter((other) => other !== sleeper);
          if (left.length === this.#sleepers.length) return;
          this.#sleepers = left;
          owner.sleeps--;
          signal?.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.push(sleeper);
      owner.sleeps++;
      signal?.addEventListener('abort', sleeper.wake, { once: true });
      this.#checkQuiet();
    });
  }
}

/**
 * Gives the files of `folder` modification times of `clock` instead of the disk's own, before each step of time; for
 * programs that conclude something from a file's age.
 * @param now the wall clock of the machine that the files are on; the true time when left out
 */
export function stampFiles(
  clock: SteppedClock,
  folder: string,
  now = () => clock.now(),
): () => void {
  const stamped = new Map<string, number>();
  return clock.beforeMove(() => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const { mtimeMs } = statSync(path);
      if (stamped.get(path) === mtimeMs) continue;
      utimesSync(path, now() / 1000, now() / 1000);
      stamped.set(path, statSync(path).mtimeMs);
    }
  });
}
