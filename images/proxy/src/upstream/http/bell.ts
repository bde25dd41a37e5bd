import type { Clock } from '../../../../kit/src/clock.ts';

/** Wakes those who sleep, all at once and before their time. */
export class Bell {
  readonly #clock: Clock;
  #rung = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rung.abort();
    this.#rung = new AbortController();
  }

  /** Resolves after `ms` milliseconds, when the bell rings, or when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const rung = this.#rung.signal;
    return this.#clock.sleep(ms, signal ? AbortSignal.any([rung, signal]) : rung);
  }
}
