/** Looks after one open session: pings it when it is quiet or in doubt, until another has to be opened. */
import type { Clock } from '../../../../kit/src/clock.ts';
import type { Logger } from '../../../../kit/src/logger.ts';
import { Bell } from './bell.ts';
import type { Link } from './link.ts';
import type { Trouble } from './trouble.ts';

/** Times in milliseconds. */
export interface Care {
  readonly openWithinMs: number;
  /** Without an answer for this long, the server is pinged. */
  readonly quietMs: number;
  readonly pingWithinMs: number;
  /** Between two looks at a server that is not well. */
  readonly everyMs: number;
}

export const CARE: Care = {
  openWithinMs: 30_000,
  quietMs: 30_000,
  pingWithinMs: 5_000,
  everyMs: 2_000,
};

type Watched = Pick<Link, 'generation' | 'hasSession' | 'ping'>;

export interface WatchOptions {
  readonly care: Care;
  readonly clock: Clock;
  readonly log: Logger;
  /** What an error of opening or pinging means, which was given up after so many milliseconds. */
  read(error: unknown, withinMs: number): Trouble;
}

/** Between two looks, however much in doubt the server is. */
const SOONEST_MS = 500;

export class Watch {
  readonly #link: Watched;
  readonly #options: WatchOptions;
  readonly #bell: Bell;
  readonly #ended = new AbortController();
  #trouble: Trouble | undefined;
  #answeredAt: number;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #suspicious = false;

  constructor(link: Watched, options: WatchOptions) {
    this.#link = link;
    this.#options = options;
    this.#bell = new Bell(options.clock);
    this.#answeredAt = options.clock.now();
  }

  /** Why a call would fail now. */
  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /** The server has answered. */
  answered(): void {
    this.#answeredAt = this.#options.clock.now();
    // A server without sessions may be another one now: the next look opens anew.
    if (this.#link.hasSession) this.#trouble = undefined;
  }

  /** A call or a stream met a trouble. */
  noticed(trouble: Trouble): void {
    switch (trouble.code) {
      case 'upstream_busy':
      case 'too_large':
        return;
      case 'session_gone':
        this.#ended.abort();
        break;
      case 'upstream_lost':
        this.#suspicious = true;
        break;
      default:
        this.#trouble = trouble;
    }
    this.#bell.ring();
  }

  /** What the server is shown has changed: worth a look at once. */
  lookNow(): void {
    this.#suspicious = true;
    this.#checkedAt = Number.NEGATIVE_INFINITY;
    this.#bell.ring();
  }

  /** Resolves when another session has to be opened, or when the signal aborts; never rejects. */
  async run(stopping: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([stopping, this.#ended.signal]);
    while (!signal.aborted) {
      const wait = this.#due() - this.#options.clock.now();
      if (wait > 0) await this.#bell.sleep(wait, signal);
      else if (!(await this.#look(signal))) return;
    }
  }

  /** When the next look is due. */
  #due(): number {
    const { clock, care } = this.#options;
    // A clock that was set back must not put the next look off.
    this.#answeredAt = Math.min(this.#answeredAt, clock.now());
    this.#checkedAt = Math.min(this.#checkedAt, clock.now());
    if (this.#suspicious) return this.#checkedAt + SOONEST_MS;
    if (this.#trouble) return this.#checkedAt + care.everyMs;
    return this.#answeredAt + care.quietMs;
  }

  /** Pings the server; false when another session has to be opened. */
  async #look(signal: AbortSignal): Promise<boolean> {
    const { clock, log, care, read } = this.#options;
    const before = this.#trouble;
    this.#suspicious = false;
    this.#checkedAt = clock.now();
    try {
      await this.#link.ping(AbortSignal.any([signal, AbortSignal.timeout(care.pingWithinMs)]));
      this.answered();
      this.#trouble = undefined;
      if (!before) return true;
      log.info('upstream_well_again', { generation: this.#link.generation });
      return this.#link.hasSession;
    } catch (error) {
      if (signal.aborted) return false;
      const trouble = read(error, care.pingWithinMs);
      if (trouble.code === 'session_gone') return false;
      if (trouble.code === 'upstream_busy') return true;
      this.#trouble = trouble;
      if (before?.message !== trouble.message)
        log.warn('upstream_trouble', { why: trouble.message });
      return true;
    }
  }
}
