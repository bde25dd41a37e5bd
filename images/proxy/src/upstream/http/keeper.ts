/** Keeps one session with the remote server open: opens it, has it looked after, opens the next one. */
import type { Clock } from '../../../../kit/src/clock.ts';
import type { Logger } from '../../../../kit/src/logger.ts';
import type { Reason } from '../../../../kit/src/operations.ts';
import { Bell } from './bell.ts';
import type { Link } from './link.ts';
import { Trouble } from './trouble.ts';
import { type Care, Watch } from './watch.ts';

export interface KeeperOptions {
  readonly address: string;
  readonly care: Care;
  readonly clock: Clock;
  readonly log: Logger;
  open(generation: number, signal: AbortSignal): Promise<Link>;
  onOpen(link: Link): void;
}

const LONGEST_PAUSE_MS = 30_000;
/** After so many failures in a row calls do not wait for the next try. */
const HOPELESS = 3;

interface Open {
  readonly link: Link;
  readonly watch: Watch;
}

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #stopping = new AbortController();
  /** Rings when a session was opened or could not be. */
  readonly #news: Bell;
  /** Rings when there is a reason to try before the pause is over. */
  readonly #haste: Bell;
  readonly #finished: Promise<void>;
  #open: Open | undefined;
  /** Why there is no session. */
  #trouble: Trouble | undefined;
  #failures = 0;
  #nextTry = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#news = new Bell(options.clock);
    this.#haste = new Bell(options.clock);
    this.#finished = this.#run();
  }

  /** The open session, waiting for one up to `patienceMs`; no longer when so many tries in a row have failed. */
  async whenOpen(
    patienceMs: number,
    signal?: AbortSignal,
    tries = HOPELESS,
  ): Promise<Link | undefined> {
    const { clock } = this.#options;
    const deadline = clock.now() + patienceMs;
    for (;;) {
      if (this.#open) return this.#open.link;
      const left = deadline - clock.now();
      if (this.#isHopeless(tries) || left <= 0 || signal?.aborted) return undefined;
      await this.#news.sleep(left, signal);
    }
  }

  /** Why a call would fail now. */
  health(): readonly Reason[] {
    const trouble = this.#open ? this.#open.watch.trouble : this.#trouble;
    if (trouble) return [trouble.reason];
    if (this.#open) return [];
    const message = `the MCP server at ${this.#options.address} has not answered yet`;
    return [{ code: 'upstream_unchecked', message }];
  }

  /** Seconds until a call makes sense, at least 1. */
  secondsToTry(): number {
    const wait = Math.ceil((this.#nextTry - this.#options.clock.now()) / 1000);
    return Math.max(1, wait, this.#trouble?.retryAfter ?? 0);
  }

  /** The session that calls use now. */
  isCurrent(link: Link): boolean {
    return this.#open?.link === link;
  }

  /** The server has answered. */
  answered(link: Link): void {
    if (this.isCurrent(link)) this.#open?.watch.answered();
  }

  /** A call or a stream met a trouble. */
  noticed(link: Link, trouble: Trouble): void {
    if (!this.isCurrent(link)) return;
    this.#open?.watch.noticed(trouble);
    if (trouble.code === 'session_gone') this.#drop();
  }

  /** What the server is shown has changed: worth a look at once. */
  lookNow(): void {
    this.#open?.watch.lookNow();
    this.#haste.ring();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#open?.link.close();
    await this.#finished;
    this.#news.ring();
  }

  async #run(): Promise<void> {
    const { log, open, care } = this.#options;
    const { signal } = this.#stopping;
    for (let generation = 1; !signal.aborted; generation++) {
      try {
        const late = AbortSignal.timeout(care.openWithinMs);
        const link = await open(generation, AbortSignal.any([signal, late]));
        if (signal.aborted) return await link.close();
        await this.#use(link);
      } catch (error) {
        if (signal.aborted) return;
        const pause = this.#failed(this.#read(error, care.openWithinMs));
        log.error('upstream_not_ready', { why: this.#trouble?.message, pause_ms: pause });
        await this.#haste.sleep(pause, signal);
      }
    }
  }

  /** Has calls use the session until another has to be opened. */
  async #use(link: Link): Promise<void> {
    const { onOpen } = this.#options;
    const watch = new Watch(link, {
      ...this.#options,
      read: (error, withinMs) => this.#read(error, withinMs),
    });
    this.#failures = 0;
    this.#trouble = undefined;
    this.#open = { link, watch };
    onOpen(link);
    this.#news.ring();
    await watch.run(this.#stopping.signal);
    if (this.isCurrent(link)) this.#drop();
  }

  /** @returns how long to wait before the next try, in milliseconds */
  #failed(trouble: Trouble): number {
    this.#trouble = trouble;
    const backOff = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** this.#failures++);
    const pause = Math.max(backOff, (trouble.retryAfter ?? 0) * 1000);
    this.#nextTry = this.#options.clock.now() + pause;
    this.#news.ring();
    return pause;
  }

  #isHopeless(tries: number): boolean {
    const refused = this.#trouble?.code === 'upstream_refused';
    return this.#failures >= tries || refused || this.#stopping.signal.aborted;
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

  #drop(): void {
    this.#open?.link.forget();
    this.#open = undefined;
  }
}
