/**
 * Keeps one child running: starts it, waits for its handshake, looks after it, and starts the next one when it
 * ends or no longer answers.
 */
import type { Clock } from '../../../../kit/src/clock.ts';
import { errorText, type Logger } from '../../../../kit/src/logger.ts';
import type { Reason } from '../../../../kit/src/operations.ts';
import type { JsonObject } from '../../jsonrpc/message.ts';
import type { Handshake } from '../upstream.ts';
import { Child } from './child.ts';
import type { Launch } from './process.ts';
import { afterEnd, noRestarts, type RestartState } from './restarts.ts';

/** Why a child was started; a label of `child_starts`. */
export type StartReason = 'first' | 'exited' | 'killed' | 'hung' | 'not_ready' | 'spawn_failed';

export interface Ready {
  readonly child: Child;
  readonly handshake: Handshake;
  tools: ReadonlySet<string>;
}

export interface SupervisorOptions {
  /** Prepares one start; may throw, for example when a disk is full. */
  launch(): Promise<Launch>;
  readonly clientInfo: JsonObject;
  readonly messageLimit: number;
  readonly watch?: Watch;
  readonly clock: Clock;
  readonly log: Logger;
  onStart(reason: StartReason): void;
  onReady(ready: Ready): void;
  onNotification(method: string, bytes: Buffer): void;
}

/** How a child is looked after; times in milliseconds. */
export interface Watch {
  /** A slow disk makes the first import of the official server take many seconds. */
  readonly readyWithinMs: number;
  readonly pingEveryMs: number;
  readonly pingPatienceMs: number;
  /** A server that let a call's deadline pass is asked at once, with less patience. */
  readonly suspectPatienceMs: number;
}

export const WATCH: Watch = {
  readyWithinMs: 30_000,
  pingEveryMs: 15_000,
  pingPatienceMs: 20_000,
  suspectPatienceMs: 3_000,
};

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
  readonly #watchTimes: Watch;
  #phase: Phase = { name: 'starting' };
  #child: Child | undefined;
  #generation = 0;
  #restarts: RestartState = noRestarts;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#watchTimes = options.watch ?? WATCH;
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

  /** A call's deadline passed: replaces the child unless it still answers. */
  async suspect(child: Child): Promise<void> {
    if (await child.ping(this.#watchTimes.suspectPatienceMs)) return;
    this.#hung(child);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#child?.stop();
    await this.#finished;
  }

  async #run(): Promise<void> {
    let reason: StartReason = 'first';
    while (!this.#stopping.signal.aborted) {
      const end = await this.#live(reason);
      if (this.#stopping.signal.aborted) break;
      const { clock, log } = this.#options;
      const decision = afterEnd(this.#restarts, clock.now(), end.readyMs);
      this.#restarts = decision.state;
      reason = end.reason;
      log.error('child_ended', {
        generation: this.#generation,
        why: end.why,
        pause_ms: decision.pauseMs,
        crash_loop: decision.looping,
        stderr: this.#child?.errorTail() ?? [],
      });
      this.#enter({
        name: 'waiting',
        until: clock.now() + decision.pauseMs,
        looping: decision.looping,
        why: end.why,
      });
      await clock.sleep(decision.pauseMs, this.#stopping.signal);
    }
    this.#enter({ name: 'stopped' });
  }

  /** One life of a child, from its start to its end. */
  async #live(reason: StartReason): Promise<{ reason: StartReason; why: string; readyMs: number }> {
    const { clock, log } = this.#options;
    this.#enter({ name: 'starting' });
    this.#options.onStart(reason);
    const generation = ++this.#generation;
    let launch: Launch;
    try {
      launch = await this.#options.launch();
    } catch (error) {
      const why = `the MCP server could not be prepared: ${errorText(error)}`;
      return { reason: 'spawn_failed', why, readyMs: 0 };
    }
    if (this.#stopping.signal.aborted) {
      await launch.release();
      return { reason: 'exited', why: 'stopped', readyMs: 0 };
    }
    const child = new Child({
      launch,
      generation,
      messageLimit: this.#options.messageLimit,
      clock,
      log: log.child({ generation }),
      onNotification: this.#options.onNotification,
    });
    this.#child = child;
    this.#hungChild = undefined;
    const gone = new AbortController();
    void child.ended.then(() => gone.abort());
    const startedAt = clock.now();
    const opened = await this.#open(child, gone.signal);
    let readyAt: number | undefined;
    if (typeof opened !== 'string') {
      readyAt = clock.now();
      log.info('child_ready', {
        generation,
        ms: readyAt - startedAt,
        protocol: opened.handshake.protocolVersion,
        tools: [...opened.tools],
      });
      this.#options.onReady(opened);
      this.#enter({ name: 'ready', ready: opened });
      void this.#watch(child, gone.signal);
    }
    const end = await child.ended;
    await launch.release();
    const readyMs = readyAt === undefined ? 0 : Math.max(1, clock.now() - readyAt);
    if (typeof opened === 'string')
      return {
        reason: end.reason === 'spawn_failed' ? 'spawn_failed' : 'not_ready',
        why: end.reason === 'spawn_failed' ? `the MCP server ${end.text}` : opened,
        readyMs,
      };
    if (this.#hungChild === child)
      return { reason: 'hung', why: 'the MCP server no longer answered', readyMs };
    const killed = end.reason === 'killed' ? 'killed' : 'exited';
    return { reason: killed, why: `the MCP server ${end.text}`, readyMs };
  }

  #hungChild: Child | undefined;

  /** The opened child, or why it cannot be used; in that case it has been killed. */
  async #open(child: Child, gone: AbortSignal): Promise<Ready | string> {
    const done = new AbortController();
    const opening = child.initialize(this.#options.clientInfo).then(
      ({ handshake, tools }): Ready => ({ child, handshake, tools }),
      (error: unknown) => errorText(error),
    );
    const wait = AbortSignal.any([done.signal, gone, this.#stopping.signal]);
    const late = this.#options.clock
      .sleep(this.#watchTimes.readyWithinMs, wait)
      .then(() => (wait.aborted ? opening : 'the MCP server did not answer initialize in time'));
    const result = await Promise.race([opening, late]);
    done.abort();
    if (typeof result === 'string') child.kill();
    return result;
  }

  async #watch(child: Child, gone: AbortSignal): Promise<void> {
    for (;;) {
      await this.#options.clock.sleep(this.#watchTimes.pingEveryMs, gone);
      if (gone.aborted || this.#stopping.signal.aborted) return;
      if (await child.ping(this.#watchTimes.pingPatienceMs)) continue;
      this.#hung(child);
      return;
    }
  }

  #hung(child: Child): void {
    if (this.#child !== child || this.#stopping.signal.aborted) return;
    this.#hungChild = child;
    child.kill();
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    for (const wake of [...this.#waiters]) wake();
  }
}
