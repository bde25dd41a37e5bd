/** One child from its start to its end: opened within its time, pinged while it lives, ended when it hangs. */
import type { Clock } from '../../../../kit/src/clock.ts';
import { errorText, type Logger } from '../../../../kit/src/logger.ts';
import type { JsonObject } from '../../jsonrpc/message.ts';
import { catalogueDigest, type ToolDigests } from '../tool-digests.ts';
import type { Handshake } from '../upstream.ts';
import type { Child } from './child.ts';
import { openSession } from './opening.ts';
import type { ProcessEnd } from './process.ts';

/** How a life ended; also why the next child is started, and so a label of the starts' metric. */
export type EndReason =
  | 'exited'
  | 'killed'
  | 'out_of_memory'
  | 'hung'
  | 'abandoned'
  | 'not_ready'
  | 'spawn_failed';

/** A child that can be used. */
export interface Ready {
  readonly child: Child;
  readonly handshake: Handshake;
  tools: ToolDigests;
  /** When it became ready, by the clock. */
  readonly since: number;
}

export interface LifeEnd {
  readonly reason: EndReason;
  /** In words, a whole sentence without its stop. */
  readonly why: string;
  /** How long the child could be used, in milliseconds; 0 when it never could. */
  readonly readyMs: number;
  /** Last lines of its standard error. */
  readonly stderr: readonly string[];
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

export interface LifeOptions {
  readonly child: Child;
  readonly clientInfo: JsonObject;
  /** What the child is told that its client can do. */
  readonly capabilities: JsonObject;
  readonly watch: Watch;
  readonly clock: Clock;
  readonly log: Logger;
  /** What the child needs besides its handshake before it may be used; may throw. */
  prepare(child: Child): Promise<void>;
}

export class Life {
  readonly child: Child;
  /** The child once it can be used; undefined when it never could. Never rejects. */
  readonly opened: Promise<Ready | undefined>;
  /** Never rejects. */
  readonly ended: Promise<LifeEnd>;
  readonly #options: LifeOptions;
  readonly #over = new AbortController();
  #killedAs: 'hung' | 'abandoned' | undefined;
  /** Pings that wait for their answer. */
  #asking = 0;

  /** Opens a child that has just been started. */
  constructor(options: LifeOptions) {
    this.#options = options;
    this.child = options.child;
    void this.child.ended.then(() => this.#over.abort());
    const opening = this.#open();
    this.opened = opening.then((opened) => (typeof opened === 'string' ? undefined : opened));
    this.ended = this.#run(opening);
  }

  /** True while it is not known whether the child still answers. */
  get doubtful(): boolean {
    return this.#asking > 0;
  }

  /** True once the child is being ended for what it did; its end is known a moment later. */
  get condemned(): boolean {
    return this.#killedAs !== undefined;
  }

  /** Ends the child unless it answers within the time for suspects. */
  async suspect(): Promise<void> {
    await this.#check(this.#options.watch.suspectPatienceMs);
  }

  /** Ends a child at once that works on something that nobody waits for. */
  abandon(): void {
    this.#killedAs ??= 'abandoned';
    this.child.kill();
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.child.stop();
  }

  async #run(opening: Promise<Ready | string>): Promise<LifeEnd> {
    const { clock, log } = this.#options;
    const startedAt = clock.now();
    const opened = await opening;
    const openedAt = clock.now();
    if (typeof opened !== 'string') {
      log.info('child_ready', {
        ms: openedAt - startedAt,
        protocol: opened.handshake.protocolVersion,
        tools: [...opened.tools.keys()],
        tools_digest: catalogueDigest(opened.tools),
      });
      void this.#watch();
    }
    const end = await this.child.ended;
    return {
      ...this.#judge(end, opened),
      readyMs: typeof opened === 'string' ? 0 : Math.max(1, clock.now() - openedAt),
      stderr: this.child.errorTail(),
    };
  }

  #judge(end: ProcessEnd, opened: Ready | string): { reason: EndReason; why: string } {
    const why = `the MCP server ${end.text}`;
    if (end.reason === 'spawn_failed') return { reason: 'spawn_failed', why };
    if (typeof opened === 'string') return { reason: 'not_ready', why: opened };
    if (this.#killedAs === 'hung')
      return { reason: 'hung', why: 'the MCP server no longer answered' };
    if (this.#killedAs) return { reason: 'abandoned', why: 'the MCP server worked for nobody' };
    return { reason: end.reason, why };
  }

  /** The opened child, or why it cannot be used; in that case it has been killed. */
  async #open(): Promise<Ready | string> {
    const { child } = this;
    const { clock, clientInfo, capabilities, watch, prepare } = this.#options;
    const open = async (): Promise<Ready> => {
      const { handshake, tools } = await openSession(child, clientInfo, capabilities);
      await prepare(child);
      return { child, handshake, tools, since: clock.now() };
    };
    const opening = open().catch((error: unknown) => errorText(error));
    const done = new AbortController();
    const wait = AbortSignal.any([done.signal, this.#over.signal]);
    const late = clock
      .sleep(watch.readyWithinMs, wait)
      .then(() => (wait.aborted ? opening : 'the MCP server did not answer initialize in time'));
    const result = await Promise.race([opening, late]);
    done.abort();
    if (typeof result === 'string') child.kill();
    return result;
  }

  async #watch(): Promise<void> {
    const { clock, watch } = this.#options;
    while (!this.#over.signal.aborted) {
      await clock.sleep(watch.pingEveryMs, this.#over.signal);
      if (!this.#over.signal.aborted) await this.#check(watch.pingPatienceMs);
    }
  }

  async #check(patienceMs: number): Promise<void> {
    this.#asking++;
    const answers = await this.child.ping(patienceMs);
    this.#asking--;
    // One that has ended by itself answers no more either, and is not hung.
    if (answers || !this.child.alive || this.#over.signal.aborted) return;
    this.#killedAs ??= 'hung';
    this.child.kill();
  }
}
