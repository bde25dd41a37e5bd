/** The upstream that is a child process speaking MCP over stdio, or several of them. */
import type { Clock } from '../../../../kit/src/clock.ts';
import type { Logger } from '../../../../kit/src/logger.ts';
import {
  type ClientNotification,
  type ClientRequest,
  CODE,
  errorBytes,
  type JsonObject,
} from '../../jsonrpc/message.ts';
import { aborted, busy } from '../answers.ts';
import { Offered } from '../catalogue.ts';
import type { ToolDigests } from '../tool-digests.ts';
import type {
  Answer,
  Caller,
  CallOptions,
  Handshake,
  Pieces,
  Upstream,
  UpstreamListener,
} from '../upstream.ts';
import { Child } from './child.ts';
import type { Ready, Watch } from './life.ts';
import { Members } from './members.ts';
import { ChildMemory } from './memory.ts';
import { OwnChildren } from './own-children.ts';
import type { Launch } from './process.ts';
import { limitReached, NO_LIMITS, type RecyclingLimits } from './recycling.ts';
import { Scope, type ScopeOptions } from './scope.ts';
import { CAPABILITIES, type Sharing } from './sharing.ts';
import type { StartReason } from './supervisor.ts';

export interface StdioUpstreamOptions {
  /** Prepares one start; may throw, for example when a disk is full. */
  launch(): Promise<Launch>;
  readonly clientInfo: JsonObject;
  readonly messageLimit: number;
  /** How long a call waits for a child that is starting, in milliseconds. */
  readonly startPatienceMs: number;
  /** Most requests that a child works on at once, and that wait where it works on one. */
  readonly maxInFlight: number;
  /** How many children; of sessions that have one where each has its own. */
  readonly count?: number;
  readonly sharing?: Sharing;
  readonly limits?: RecyclingLimits;
  /** How long calls may still run in a child that another has replaced, in milliseconds. */
  readonly retireMs?: number;
  /** When a session without calls gives its own child back, in milliseconds. */
  readonly idleMs?: number;
  /** How long a session waits for the place of one whose child is being ended, in milliseconds. */
  readonly placeWaitMs?: number;
  /** How often memory, age and idle sessions are looked at, in milliseconds. */
  readonly tickMs?: number;
  readonly watch?: Watch;
  readonly memory?: ChildMemory;
  readonly clock: Clock;
  readonly log: Logger;
  onStart(reason: StartReason): void;
  /** True while a session has a stream open. */
  isConnected?(session: string): boolean;
}

/** How the children are. */
export interface ChildrenReading {
  readonly alive: number;
  /** Bytes. */
  readonly rss: number;
  /** Places for a child at which the circuit breaker is open. */
  readonly breakersOpen: number;
}

const DEFAULTS = {
  count: 1,
  sharing: 'shared' as Sharing,
  limits: NO_LIMITS,
  retireMs: 120_000,
  idleMs: 600_000,
  placeWaitMs: 5_000,
  tickMs: 5_000,
};

export class StdioUpstream implements Upstream {
  readonly personal: boolean;
  readonly #options: StdioUpstreamOptions & typeof DEFAULTS;
  readonly #memory: ChildMemory;
  readonly #listeners = new Set<UpstreamListener>();
  readonly #stopping = new AbortController();
  /** Serves everyone; where each session has its own child, only the handshake and the names of tools. */
  readonly #common: Scope;
  readonly #own: OwnChildren | undefined;
  readonly #ticking: Promise<void>;
  #generation = 0;

  constructor(options: StdioUpstreamOptions) {
    this.#options = { ...DEFAULTS, ...options };
    const { count, sharing, clock, idleMs, placeWaitMs } = this.#options;
    this.personal = sharing !== 'shared';
    this.#memory = options.memory ?? new ChildMemory();
    this.#common = this.#scope({
      count: sharing === 'session' ? 1 : count,
      capabilities: sharing === 'session' ? {} : CAPABILITIES[sharing],
      personal: sharing === 'call',
      members: new Members(),
      start: (reason) => this.#start(reason),
    });
    if (sharing === 'session')
      this.#own = new OwnChildren({
        count,
        idleMs,
        placeWaitMs,
        clock,
        isConnected: (session) => options.isConnected?.(session) ?? false,
        startChild: (reason) => this.#start(reason),
        open: (own) => this.#scope({ ...own, count: 1, personal: true }),
      });
    this.#ticking = this.#tick();
  }

  /** A child of one's own has lists of its own. */
  recall(request: ClientRequest): Answer | undefined {
    return this.#own ? undefined : this.#common.recall(request);
  }

  async call(request: ClientRequest, options: CallOptions): Promise<Answer> {
    const { caller, signal } = options;
    const scope = this.#own ? await this.#own.whenFree(caller, signal) : this.#common;
    if (scope) return scope.call(request, options);
    return signal.aborted ? aborted(request, signal, 0) : busy(request, NO_ROOM);
  }

  /** Only a child of one's own is told what a client tells. */
  notify({ method, bytes }: ClientNotification, caller: Caller): void {
    if (!this.#own) return;
    const scope = this.#own.of(caller);
    // Its own initialized is part of its start; the client's only says that calls will follow.
    if (method !== 'notifications/initialized') scope?.pool.ready()[0]?.child.forward([bytes]);
  }

  handshake(patienceMs: number): Promise<Handshake | undefined> {
    return this.#common.handshake(patienceMs);
  }

  tools(): ToolDigests {
    return this.#common.last?.tools ?? new Map();
  }

  health() {
    return this.#common.health();
  }

  /** The process id of a child that answers now. */
  get pid(): number | undefined {
    return this.#common.pool.ready()[0]?.child.pid;
  }

  /** Children that live, with the resident memory of their process groups at the last look. */
  children(): ChildrenReading {
    const children = this.#children();
    const rss = children.reduce((sum, { pid }) => sum + this.#memory.rss(pid), 0);
    const scopes = [this.#common, ...(this.#own?.scopes() ?? [])];
    const breakersOpen = scopes.reduce((sum, { pool }) => sum + pool.breakersOpen, 0);
    return { alive: children.length, rss, breakersOpen };
  }

  listen(listener: UpstreamListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  endSession(session: string): void {
    this.#own?.end(session);
    if (this.personal && !this.#own) void this.#common.endSession(session);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#common.stop(), this.#own?.stop(), this.#ticking]);
  }

  #scope(
    options: Pick<
      ScopeOptions,
      'count' | 'capabilities' | 'personal' | 'session' | 'members' | 'start'
    >,
  ): Scope {
    const { clientInfo, messageLimit, startPatienceMs, maxInFlight, retireMs } = this.#options;
    const { limits, watch, clock, log } = this.#options;
    const oneByOne = this.#options.sharing === 'call';
    return new Scope({
      ...options,
      clientInfo,
      messageLimit,
      startPatienceMs,
      maxInFlight: oneByOne ? 1 : maxInFlight,
      maxWaiting: oneByOne ? maxInFlight : 0,
      retireMs,
      ...(watch ? { watch } : {}),
      clock,
      log,
      oneByOne,
      offered: new Offered(),
      listener: {
        onMessage: (message, sessions) => {
          for (const listener of this.#listeners) listener.onMessage(message, sessions);
        },
        onRequest: (session, request, signal) => this.#ask(session, request, signal),
      },
      onCallEnded: (scope) => {
        // Age and memory are looked at in their own time.
        if (limits.maxCalls > 0) this.#recycle(scope);
      },
    });
  }

  #ask(...[session, request, signal]: Parameters<NonNullable<UpstreamListener['onRequest']>>) {
    for (const { onRequest } of this.#listeners)
      if (onRequest) return onRequest(session, request, signal);
    const text = `nobody can be asked for ${request.method}`;
    const nobody: Pieces = [errorBytes(request.id, CODE.methodNotFound, text)];
    return Promise.resolve(nobody);
  }

  async #start(reason: StartReason): Promise<Child> {
    const { messageLimit, clock, log, onStart } = this.#options;
    const generation = ++this.#generation;
    onStart(reason);
    const launch = await this.#options.launch();
    return new Child({
      launch,
      generation,
      messageLimit,
      memory: this.#memory,
      clock,
      log: log.child({ generation }),
    });
  }

  #children(): Child[] {
    return [...this.#common.pool.children(), ...(this.#own?.children() ?? [])];
  }

  #recycle({ pool }: Scope): void {
    // A child of one's own may hold what its session has built up: it lives as long as the session.
    if (this.#own) return;
    const { limits, clock } = this.#options;
    const wear = ({ child, since }: Ready) => ({
      calls: child.work.begun,
      ageMs: clock.now() - since,
      rss: this.#memory.rss(child.pid),
    });
    pool.recycle((ready) => limitReached(limits, wear(ready)));
  }

  async #tick(): Promise<void> {
    const { clock, tickMs } = this.#options;
    while (!this.#stopping.signal.aborted) {
      await this.#memory.sample();
      this.#recycle(this.#common);
      if (this.#common.last) this.#own?.sweep();
      await clock.sleep(tickMs, this.#stopping.signal);
    }
  }
}

const NO_ROOM =
  'as many sessions as CHILD_COUNT allows have a server of their own; try again when one has ended';
