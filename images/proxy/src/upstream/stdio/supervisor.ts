/**
 * Keeps one child running: starts it, starts the next one when it ends, and lets another take its place when it
 * is worn: the successor is ready before the old one gets no more calls, and running calls are waited for.
 */
import { errorText } from '../../../../kit/src/logger.ts';
import type { Reason } from '../../../../kit/src/operations.ts';
import type { Child } from './child.ts';
import { type EndReason, Life, type LifeEnd, type LifeOptions, type Ready, WATCH } from './life.ts';
import { afterEnd, noRestarts, type RestartState } from './restarts.ts';

/** Why a child is started, as the metric names it. */
export type StartReason = EndReason | 'first' | 'recycled';

export interface SupervisorOptions extends Omit<LifeOptions, 'child' | 'watch'> {
  /** Starts a process; may throw, for example when a disk is full. */
  start(reason: StartReason): Promise<Child>;
  readonly watch?: LifeOptions['watch'];
  /** How long calls of a child may still run that another has replaced, in milliseconds. */
  readonly retireMs: number;
  /** The child that answers, or the reason why none does, is another one. */
  onChange(): void;
}

type Phase =
  | { readonly name: 'starting' }
  | { readonly name: 'ready'; readonly ready: Ready }
  | {
      readonly name: 'waiting';
      readonly until: number;
      readonly looping: boolean;
      readonly why: string;
    }
  | { readonly name: 'stopped' };

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stopping = new AbortController();
  readonly #finished: Promise<void>;
  readonly #lives = new Set<Life>();
  #phase: Phase = { name: 'starting' };
  /** The life that is looked after; an older one may still end its calls. */
  #life: Life | undefined;
  #successor: Promise<void> | undefined;
  #restarts: RestartState = noRestarts;
  #breakerOpen = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#finished = this.#run();
  }

  /** The child that answers now, if there is one. */
  current(): Ready | undefined {
    const phase = this.#phase;
    // The end of a child is known to its calls a moment before it is known here.
    const ends = phase.name !== 'ready' || !phase.ready.child.alive || this.#life?.condemned;
    return ends ? undefined : phase.ready;
  }

  /** True while the child that answers now has yet to show that it still does: another is the better choice. */
  get doubtful(): boolean {
    return this.#life?.doubtful ?? false;
  }

  /** Every child that lives, one that is being replaced and its successor included. */
  children(): Child[] {
    return [...this.#lives].map(({ child }) => child);
  }

  /** True from the end that made it a crash loop until a child is ready, so also while one is being tried. */
  get breakerOpen(): boolean {
    return this.#breakerOpen;
  }

  /** True when waiting for a child makes no sense now. */
  get hopeless(): boolean {
    const phase = this.#phase;
    return phase.name === 'stopped' || (phase.name === 'waiting' && phase.looping);
  }

  health(): readonly Reason[] {
    const phase = this.#phase;
    switch (phase.name) {
      case 'ready':
        if (this.current()) return [];
        return [{ code: 'child_restarting', message: 'the MCP server has just ended' }];
      case 'stopped':
        return [{ code: 'child_stopped', message: 'the MCP server has been stopped' }];
      case 'starting':
        return [{ code: 'child_starting', message: 'the MCP server is starting' }];
      case 'waiting':
        return [
          {
            code: phase.looping ? 'child_crash_loop' : 'child_restarting',
            message: `${phase.why}; the next start is in ${this.secondsToStart()} s`,
          },
        ];
    }
  }

  /** Seconds until the next start, at least 1. */
  secondsToStart(): number {
    const ms = this.#phase.name === 'waiting' ? this.#phase.until - this.#options.clock.now() : 0;
    return Math.max(1, Math.ceil(ms / 1000));
  }

  /** A call's deadline passed: replaces the child of that call unless it still answers. */
  suspect(child: Child): void {
    void this.#lifeOf(child)?.suspect();
  }

  /** Ends a child that works on something that nobody waits for; the next one starts at once. */
  abandon(child: Child): void {
    this.#lifeOf(child)?.abandon();
  }

  /**
   * Replaces the child by a new one, make before break; resolves with true when the old one is gone, with false
   * when the new one could not take its place.
   */
  async recycle(why: string): Promise<boolean> {
    const old = this.#life;
    if (!old || !this.current() || this.#successor || this.#stopping.signal.aborted) return false;
    const { log } = this.#options;
    log.info('child_recycled', { generation: old.child.generation, why });
    let replaced = false;
    this.#successor = this.#begin('recycled').then(async (next) => {
      const ready = next instanceof Life ? await next.opened : undefined;
      if (next instanceof Life && ready && !this.#stopping.signal.aborted) {
        replaced = true;
        this.#life = next;
        this.#enter({ name: 'ready', ready });
      } else log.warn('child_not_replaced', { generation: old.child.generation });
    });
    await this.#successor;
    this.#successor = undefined;
    if (!replaced) return false;
    await this.#idle(old.child);
    await old.stop();
    return true;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#lives].map((life) => life.stop()));
    await this.#finished;
    await this.#successor;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    for (let reason: StartReason = 'first'; !signal.aborted; ) {
      this.#enter({ name: 'starting' });
      const begun = await this.#begin(reason);
      const { why, stderr, ...end } = begun instanceof Life ? await this.#follow(begun) : begun;
      if (signal.aborted) break;
      reason = end.reason;
      // What we ended ourselves says nothing about how well the server does.
      const unblamed = { state: this.#restarts, pauseMs: 0, looping: false };
      const { state, pauseMs, looping } =
        reason === 'abandoned' ? unblamed : afterEnd(this.#restarts, clock.now(), end.readyMs);
      this.#restarts = state;
      log.error('child_ended', {
        generation: this.#life?.child.generation,
        why,
        pause_ms: pauseMs,
        crash_loop: looping,
        stderr,
      });
      this.#enter({ name: 'waiting', until: clock.now() + pauseMs, looping, why });
      await clock.sleep(pauseMs, signal);
    }
    this.#enter({ name: 'stopped' });
  }

  /** Opens a life and waits for its end, or for the end of the one that took its place. */
  async #follow(first: Life): Promise<LifeEnd> {
    let life = first;
    this.#life = life;
    const ready = await life.opened;
    if (ready) this.#enter({ name: 'ready', ready });
    for (;;) {
      const end = await life.ended;
      // One that ended while its successor was on the way may have been replaced all the same.
      await this.#successor;
      if (this.#life === life) return end;
      life = this.#life;
    }
  }

  /** A life that has begun, or why there is none. */
  async #begin(reason: StartReason): Promise<Life | LifeEnd> {
    const { watch = WATCH, log } = this.#options;
    try {
      const child = await this.#options.start(reason);
      const life = new Life({
        ...this.#options,
        child,
        watch,
        log: log.child({ generation: child.generation }),
      });
      this.#lives.add(life);
      void life.ended.then(() => this.#lives.delete(life));
      // Stopped in between: nobody else would end a child that is started now.
      if (this.#stopping.signal.aborted) await life.stop();
      return life;
    } catch (error) {
      const why = `the MCP server could not be prepared: ${errorText(error)}`;
      return { reason: 'spawn_failed', why, readyMs: 0, stderr: [] };
    }
  }

  /** Resolves when a child that gets no more calls has ended those that run; at the latest at their deadline. */
  async #idle({ work, ended }: Child): Promise<void> {
    const done = new AbortController();
    const finish = () => done.abort();
    const forget = work.onIdle(finish);
    void ended.then(finish);
    if (work.count === 0) finish();
    await this.#options.clock.sleep(
      this.#options.retireMs,
      AbortSignal.any([done.signal, this.#stopping.signal]),
    );
    forget();
  }

  #lifeOf(child: Child): Life | undefined {
    return [...this.#lives].find((life) => life.child === child);
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    if (phase.name === 'ready') this.#breakerOpen = false;
    else if (phase.name === 'waiting') this.#breakerOpen = phase.looping;
    this.#options.onChange();
  }
}
