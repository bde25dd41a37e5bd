/** Keeps one session with the remote server open: opens it, looks at it when it is quiet, opens the next one. */
import type { Clock } from '../../../../kit/src/clock.ts';
import type { Logger } from '../../../../kit/src/logger.ts';
import type { Reason } from '../../../../kit/src/operations.ts';
import type { Link } from './link.ts';
import { Trouble } from './trouble.ts';

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

export interface KeeperOptions {
  readonly address: string;
  readonly care: Care;
  readonly clock: Clock;
  readonly log: Logger;
  open(generation: number, signal: AbortSignal, keeper: Keeper): Promise<Link>;
  onOpen(link: Link): void;
}

const SOONEST_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** After so many failures in a row calls no longer wait for the next try. */
const HOPELESS = 3;

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #stopping = new AbortController();
  readonly #waiters = new Set<() => void>();
  readonly #finished: Promise<void>;
  #link: Link | undefined;
  #trouble: Trouble | undefined;
  #failures = 0;
  #nextTry = 0;
  #answeredAt = 0;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #suspicious = false;
  #nudged = new AbortController();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#finished = this.#run();
  }

  /** The open session, waiting for one up to `patienceMs`; not at all when that has become hopeless. */
  async whenOpen(patienceMs: number, signal?: AbortSignal): Promise<Link | undefined> {
    const { clock } = this.#options;
    const deadline = clock.now() + patienceMs;
    for (;;) {
      if (this.#link) return this.#link;
      const left = deadline - clock.now();
      const hopeless =
        this.#failures >= HOPELESS ||
        this.#trouble?.code === 'upstream_refused' ||
        this.#stopping.signal.aborted;
      if (hopeless || left <= 0 || signal?.aborted) return undefined;
      const changed = new AbortController();
      const wake = () => changed.abort();
      this.#waiters.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
      await clock.sleep(left, changed.signal);
      signal?.removeEventListener('abort', wake);
      this.#waiters.delete(wake);
    }
  }

  /** Why a call would fail now. */
  health(): readonly Reason[] {
    if (this.#trouble) return [this.#trouble.reason];
    if (this.#link) return [];
    const message = `the MCP server at ${this.#options.address} has not answered yet`;
    return [{ code: 'upstream_unchecked', message }];
  }

  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /** Seconds until a call makes sense, at least 1. */
  secondsToTry(): number {
    const wait = Math.ceil((this.#nextTry - this.#options.clock.now()) / 1000);
    return Math.max(1, wait, this.#trouble?.retryAfter ?? 0);
  }

  /** The server has answered. */
  answered(link: Link): void {
    if (this.#link !== link) return;
    this.#answeredAt = this.#options.clock.now();
    // A server without sessions may be another one now: the next look opens anew.
    if (link.hasSession) this.#trouble = undefined;
  }

  /** A call or a stream met a trouble. */
  noticed(link: Link, trouble: Trouble): void {
    if (this.#link !== link) return;
    switch (trouble.code) {
      case 'upstream_busy':
      case 'too_large':
        return;
      case 'session_gone':
        this.#drop(link);
        break;
      case 'upstream_lost':
        this.#suspicious = true;
        break;
      default:
        this.#trouble = trouble;
    }
    this.#nudge();
  }

  /** What the server is shown has changed: worth a look at once. */
  lookNow(): void {
    this.#suspicious = true;
    this.#checkedAt = Number.NEGATIVE_INFINITY;
    this.#nudge();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#nudge();
    await this.#link?.close();
    await this.#finished;
    this.#wake();
  }

  async #run(): Promise<void> {
    const { clock, log, open, onOpen, care } = this.#options;
    const { signal } = this.#stopping;
    for (let generation = 1; !signal.aborted; generation++) {
      try {
        const late = AbortSignal.timeout(care.openWithinMs);
        const link = await open(generation, AbortSignal.any([signal, late]), this);
        if (signal.aborted) return link.close();
        this.#failures = 0;
        this.#trouble = undefined;
        this.#answeredAt = clock.now();
        this.#link = link;
        onOpen(link);
        this.#wake();
        await this.#watch(link);
        this.#drop(link);
      } catch (error) {
        if (signal.aborted) return;
        const trouble = this.#read(error, care.openWithinMs);
        this.#failures++;
        this.#trouble = trouble;
        const pause = Math.max(
          Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** (this.#failures - 1)),
          (trouble.retryAfter ?? 0) * 1000,
        );
        log.error('upstream_not_ready', { why: trouble.message, pause_ms: pause });
        this.#nextTry = clock.now() + pause;
        this.#wake();
        await this.#sleep(pause);
      }
    }
  }

  /** Looks at the session now and then; returns when a new one has to be opened. */
  async #watch(link: Link): Promise<void> {
    const { clock, log, care } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      const now = clock.now();
      const due = this.#suspicious
        ? this.#checkedAt + SOONEST_MS
        : this.#trouble
          ? this.#checkedAt + care.everyMs
          : this.#answeredAt + care.quietMs;
      if (due > now) await this.#sleep(due - now);
      if (signal.aborted || this.#link !== link) return;
      if (due > clock.now()) continue;
      const before = this.#trouble;
      this.#suspicious = false;
      this.#checkedAt = clock.now();
      try {
        await link.ping(AbortSignal.any([signal, AbortSignal.timeout(care.pingWithinMs)]));
        this.answered(link);
        this.#trouble = undefined;
        if (!before) continue;
        log.info('upstream_well_again', { generation: link.generation });
        if (!link.hasSession) return;
      } catch (error) {
        if (signal.aborted) return;
        const trouble = this.#read(error, care.pingWithinMs);
        if (trouble.code === 'session_gone') return;
        if (trouble.code === 'upstream_busy') continue;
        this.#trouble = trouble;
        if (before?.message !== trouble.message)
          log.warn('upstream_trouble', { why: trouble.message });
      }
    }
  }

  #read(error: unknown, withinMs: number): Trouble {
    const { address } = this.#options;
    if (error instanceof Trouble)
      return error.code === 'upstream_lost'
        ? new Trouble('upstream_unreachable', error.message)
        : error;
    if (error instanceof DOMException && error.name === 'TimeoutError')
      return new Trouble(
        'upstream_unreachable',
        `the MCP server at ${address} does not answer within ${withinMs / 1000} s`,
      );
    return new Trouble('upstream_unwell', `the MCP server at ${address}: ${String(error)}`);
  }

  #drop(link: Link): void {
    if (this.#link !== link) return;
    link.forget();
    this.#link = undefined;
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#nudged = new AbortController();
    await this.#options.clock.sleep(ms, this.#nudged.signal);
  }

  #nudge(): void {
    this.#nudged.abort();
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }
}
