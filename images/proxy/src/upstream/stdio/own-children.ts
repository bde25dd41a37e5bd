/**
 * A child for each session, with one more that has been started and waits for the next session, so that nobody
 * waits while a server imports its libraries.
 */
import type { Clock } from '../../../../kit/src/clock.ts';
import { remember } from '../../../../kit/src/remember.ts';
import type { JsonObject } from '../../jsonrpc/message.ts';
import type { Caller } from '../upstream.ts';
import type { Child } from './child.ts';
import { Members } from './members.ts';
import { afterEnd, noRestarts, type RestartState } from './restarts.ts';
import type { Scope } from './scope.ts';
import type { StartReason } from './supervisor.ts';

export interface OwnChildrenOptions {
  /** Most sessions that have a child at once. */
  readonly count: number;
  /** A session that sends nothing for so long, and has no stream open, gives its child back; in milliseconds. */
  readonly idleMs: number;
  /** How long a session waits for the place of one whose child is being ended, in milliseconds. */
  readonly placeWaitMs: number;
  readonly clock: Clock;
  startChild(reason: StartReason): Promise<Child>;
  open(options: {
    session: string;
    capabilities: JsonObject;
    members: Members;
    start(reason: StartReason): Promise<Child>;
  }): Scope;
  /** True while a session has a stream open. */
  isConnected(session: string): boolean;
}

/** A child that has been started, or is just being. */
interface Spare {
  readonly started: Promise<Child | undefined>;
  child?: Child;
}

interface Own {
  readonly scope: Scope;
  usedAt: number;
}

/** A call of a session that has no child yet. */
interface Waiting {
  readonly session: string;
  giveUp(): void;
}

/** What a session has set is remembered longer than its child lives, for so many sessions. */
const REMEMBERED = 10_000;

export class OwnChildren {
  readonly #options: OwnChildrenOptions;
  readonly #own = new Map<string, Own>();
  readonly #members = new Map<string, Members>();
  readonly #ending = new Set<Promise<void>>();
  readonly #waiting = new Set<Waiting>();
  #spare: Spare | undefined;
  /** Of spare children that ended before a session came. */
  #restarts: RestartState = noRestarts;
  /** No spare child before this time. */
  #warmFrom = 0;
  #stopped = false;

  constructor(options: OwnChildrenOptions) {
    this.#options = options;
  }

  /** The children of a session; undefined when as many sessions as may have one do. */
  of({ session, capabilities = {} }: Caller): Scope | undefined {
    const { count, clock, open } = this.#options;
    const known = this.#own.get(session);
    if (known) {
      known.usedAt = clock.now();
      return known.scope;
    }
    if (this.#stopped || this.#own.size + this.#ending.size >= count) return undefined;
    const scope = open({
      session,
      capabilities,
      members: this.#membersOf(session),
      start: (reason) => this.#start(reason),
    });
    this.#own.set(session, { scope, usedAt: clock.now() });
    return scope;
  }

  /** As `of`, and waits while a child is being ended whose place may be the one. */
  async whenFree(caller: Caller, signal: AbortSignal): Promise<Scope | undefined> {
    const { clock, placeWaitMs } = this.#options;
    const deadline = clock.now() + placeWaitMs;
    const over = new AbortController();
    const waiting: Waiting = { session: caller.session, giveUp: () => over.abort() };
    this.#waiting.add(waiting);
    const given = AbortSignal.any([signal, over.signal]);
    try {
      while (!given.aborted) {
        const scope = this.of(caller);
        const left = deadline - clock.now();
        if (scope || this.#ending.size === 0 || left <= 0) return scope;
        const freed = new AbortController();
        void Promise.race(this.#ending).then(() => freed.abort());
        await clock.sleep(left, AbortSignal.any([given, freed.signal]));
      }
      return undefined;
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  scopes(): Scope[] {
    return [...this.#own.values()].map(({ scope }) => scope);
  }

  /** Starts the child that waits for the next session, where there is room for one. */
  warm(): void {
    const { count, clock, startChild } = this.#options;
    if (this.#spare || this.#stopped || this.#own.size + this.#ending.size >= count) return;
    const startedAt = clock.now();
    if (startedAt < this.#warmFrom) return;
    const spare: Spare = { started: startChild('first').catch(() => undefined) };
    this.#spare = spare;
    void spare.started.then(async (child) => {
      if (child) spare.child = child;
      await child?.ended;
      if (this.#spare !== spare) return;
      this.#spare = undefined;
      // Nobody waits for it: a server that ends by itself is started as rarely as any other.
      const { state, pauseMs } = afterEnd(this.#restarts, clock.now(), clock.now() - startedAt);
      this.#restarts = state;
      this.#warmFrom = clock.now() + pauseMs;
    });
  }

  /** Ends the child of a session that is over, and forgets what it set. */
  end(session: string): void {
    this.#members.delete(session);
    for (const waiting of this.#waiting) if (waiting.session === session) waiting.giveUp();
    this.#release(session);
  }

  /** Ends the children of sessions that are idle, and sees to the spare one. */
  sweep(): void {
    const { clock, idleMs, isConnected } = this.#options;
    for (const [session, { scope, usedAt }] of this.#own) {
      const works = scope.pool.children().some(({ work }) => work.count > 0);
      if (clock.now() - usedAt >= idleMs && !works && !isConnected(session)) this.#release(session);
    }
    this.warm();
  }

  /** Every child that lives, the spare one included. */
  children(): Child[] {
    const spare = this.#spare?.child;
    return [...this.scopes().flatMap(({ pool }) => pool.children()), ...(spare ? [spare] : [])];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { giveUp } of this.#waiting) giveUp();
    const spare = await this.#spare?.started;
    for (const session of [...this.#own.keys()]) this.#release(session);
    await Promise.all([...this.#ending, spare?.stop()]);
  }

  #release(session: string): void {
    const own = this.#own.get(session);
    if (!own) return;
    this.#own.delete(session);
    const ending = own.scope.stop().finally(() => {
      this.#ending.delete(ending);
      this.warm();
    });
    this.#ending.add(ending);
  }

  /** The spare child where there is one: its session begins with its handshake. */
  async #start(reason: StartReason): Promise<Child> {
    const spare = this.#spare;
    this.#spare = undefined;
    const child = await spare?.started;
    if (child?.alive) {
      this.warm();
      return child;
    }
    return this.#options.startChild(reason);
  }

  #membersOf(session: string): Members {
    const members = this.#members.get(session) ?? new Members();
    remember(this.#members, session, members, REMEMBERED);
    return members;
  }
}
