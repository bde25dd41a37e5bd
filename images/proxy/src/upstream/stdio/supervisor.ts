/** Keeps one child running: starts it, and starts the next one when it ends. */
import { errorText } from '../../../../kit/src/logger.ts';
import type { Reason } from '../../../../kit/src/operations.ts';
import { type EndReason, Life, type LifeEnd, type LifeOptions, type Ready, WATCH } from './life.ts';
import type { Launch } from './process.ts';
import { afterEnd, noRestarts, type RestartState } from './restarts.ts';

export interface SupervisorOptions extends Omit<LifeOptions, 'launch' | 'generation' | 'watch'> {
  /** Prepares one start; may throw, for example when a disk is full. */
  launch(): Promise<Launch>;
  readonly watch?: LifeOptions['watch'];
  onStart(reason: EndReason | 'first'): void;
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
  readonly #waiters = new Set<() => void>();
  readonly #finished: Promise<void>;
  #phase: Phase = { name: 'starting' };
  #life: Life | undefined;
  #generation = 0;
  #restarts: RestartState = noRestarts;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#finished = this.#run();
  }

  /** The child that answers now, if there is one. */
  current(): Ready | undefined {
    const phase = this.#phase;
    // The end of a child is known to its calls a moment before it is known here.
    return phase.name === 'ready' && phase.ready.child.alive ? phase.ready : undefined;
  }

  /** A ready child, waiting for one up to `patienceMs`; not at all while it ends again and again. */
  async whenReady(patienceMs: number, signal?: AbortSignal): Promise<Ready | undefined> {
    const deadline = this.#options.clock.now() + patienceMs;
    for (;;) {
      const ready = this.current();
      if (ready) return ready;
      const phase = this.#phase;
      const left = deadline - this.#options.clock.now();
      const hopeless = phase.name === 'stopped' || (phase.name === 'waiting' && phase.looping);
      if (hopeless || left <= 0 || signal?.aborted) return undefined;
      const changed = new AbortController();
      const wake = () => changed.abort();
      this.#waiters.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
      await this.#options.clock.sleep(left, changed.signal);
      signal?.removeEventListener('abort', wake);
      this.#waiters.delete(wake);
    }
  }

  health(): readonly Reason[] {
    const phase = this.#phase;
    switch (phase.name) {
      case 'ready':
        if (phase.ready.child.alive) return [];
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
  suspect({ child }: Ready): void {
    if (this.#life?.child === child) void this.#life.suspect();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#life?.stop();
    await this.#finished;
  }

  async #run(): Promise<void> {
    const { clock, log, onStart } = this.#options;
    const { signal } = this.#stopping;
    for (let reason: EndReason | 'first' = 'first'; !signal.aborted; ) {
      this.#enter({ name: 'starting' });
      onStart(reason);
      this.#generation++;
      const { why, stderr, ...end } = await this.#live();
      if (signal.aborted) break;
      const { state, pauseMs, looping } = afterEnd(this.#restarts, clock.now(), end.readyMs);
      this.#restarts = state;
      reason = end.reason;
      log.error('child_ended', {
        generation: this.#generation,
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

  /** One child from its start to its end. */
  async #live(): Promise<LifeEnd> {
    const { log, watch = WATCH } = this.#options;
    let launch: Launch | undefined;
    try {
      launch = await this.#options.launch();
      // Stopped in between: nobody would end a child that is started now.
      this.#stopping.signal.throwIfAborted();
      const generation = this.#generation;
      this.#life = new Life({
        ...this.#options,
        launch,
        generation,
        watch,
        log: log.child({ generation }),
        onReady: (ready) => {
          this.#options.onReady(ready);
          this.#enter({ name: 'ready', ready });
        },
      });
      return await this.#life.ended;
    } catch (error) {
      const why = `the MCP server could not be prepared: ${errorText(error)}`;
      return { reason: 'spawn_failed', why, readyMs: 0, stderr: [] };
    } finally {
      await launch?.release().catch((error: unknown) => log.warn('child_not_tidied', { error }));
    }
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    for (const wake of [...this.#waiters]) wake();
  }
}
