import { setTimeout as delay } from 'node:timers/promises';

/** Wall clock and waiting, passed in wherever time matters so that tests decide what time it is. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch; may jump, as the system's clock may. */
  now(): number;
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Longest wait that Node's timers take; longer ones fire after 1 ms (nodejs.org/api/timers.html). */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(Math.min(Math.max(ms, 0), MAX_TIMER_MS), undefined, signal ? { signal } : {});
    } catch {
      // The only rejection is the abort, and to a sleeper that means "wake up".
    }
  },
};
