/**
 * Children that serve the same clients: all of them share one scope, or each session has its own. A call gets a
 * place at a child; what the child sends meanwhile goes where it belongs.
 */
import type { Logger } from '../../../../kit/src/logger.ts';
import type { Reason } from '../../../../kit/src/operations.ts';
import { type ClientRequest, CODE, errorBytes, renumber } from '../../jsonrpc/message.ts';
import { paramString, type ServerRequest } from '../../jsonrpc/server-message.ts';
import { aborted, answered, busy, failure, untilAborted } from '../answers.ts';
import { isFirstPage, LIST_CHANGES, type Offered } from '../catalogue.ts';
import { mayBeAsked } from '../methods.ts';
import type { Answer, CallOptions, Handshake, Pieces, UpstreamListener } from '../upstream.ts';
import { died, tooLarge } from './answers.ts';
import type { Child } from './child.ts';
import type { Ready } from './life.ts';
import { type Forward, Lists } from './lists.ts';
import type { Members } from './members.ts';
import { type Place, Pool, type PoolOptions } from './pool.ts';
import { SessionSettings } from './session-settings.ts';
import { type StartReason, Supervisor, type SupervisorOptions } from './supervisor.ts';
import { Tunings } from './tuning.ts';

export interface ScopeOptions
  extends Pick<SupervisorOptions, 'clientInfo' | 'capabilities' | 'clock' | 'retireMs'>,
    Pick<PoolOptions, 'count' | 'maxInFlight' | 'maxWaiting' | 'startPatienceMs'> {
  readonly watch?: NonNullable<SupervisorOptions['watch']>;
  readonly log: Logger;
  readonly messageLimit: number;
  /** The one session that these children serve; all sessions when left out. */
  readonly session?: string;
  /** What a child sends can be told apart by client: it works for one session, or on one call at a time. */
  readonly personal: boolean;
  /** A child works on one call at a time, so one that may still work on something else gets no other. */
  readonly oneByOne: boolean;
  readonly members: Members;
  readonly offered: Offered;
  readonly listener: Required<UpstreamListener>;
  start(reason: StartReason): Promise<Child>;
  /** A call ended: a moment to look whether a child is worn. */
  onCallEnded(scope: Scope): void;
}

/** How long a child that works on one call at a time may take to end one that was given up. */
const GIVE_UP_MS = 2_000;

export class Scope {
  readonly pool: Pool;
  readonly #options: ScopeOptions;
  readonly #tunings: Tunings;
  readonly #lists: Lists;
  readonly #settings: SessionSettings;
  #last: Ready | undefined;

  constructor(options: ScopeOptions) {
    this.#options = options;
    const { members, log, offered, startPatienceMs } = options;
    const tunings = new Tunings(members, log);
    this.#tunings = tunings;
    this.pool = new Pool({
      ...options,
      supervise: ({ slot, onChange }) =>
        new Supervisor({
          ...options,
          onChange: () => {
            this.#note(slot);
            onChange();
          },
          start: (reason) => this.#start(slot, reason),
          prepare: async (child) => void (await tunings.tune(child)),
        }),
    });
    const { pool } = this;
    const forward: Forward = (...call) => this.#forward(...call);
    const tell = (message: Buffer) => this.#tell(message);
    const unavailable = (request: ClientRequest) => this.#unavailable(request);
    const parts = { pool, tunings, forward };
    this.#lists = new Lists({ ...parts, offered, tell, log });
    this.#settings = new SessionSettings({ ...parts, members, startPatienceMs, unavailable });
  }

  /** The last child that was ready, even if it is gone by now. */
  get last(): Ready | undefined {
    return this.#last;
  }

  async handshake(patienceMs: number): Promise<Handshake | undefined> {
    return (this.#last ?? (await this.pool.whenReady(patienceMs)))?.handshake;
  }

  health(): readonly Reason[] {
    return this.pool.health();
  }

  /** A list that a child gave already. */
  recall(request: ClientRequest): Answer | undefined {
    return isFirstPage(request) ? this.#lists.recall(request) : undefined;
  }

  call(request: ClientRequest, call: CallOptions): Promise<Answer> {
    const set = this.#options.personal ? this.#settings.answer(request, call) : undefined;
    if (set) return set;
    return isFirstPage(request) ? this.#lists.answer(request, call) : this.#forward(request, call);
  }

  /** Forgets what a session set. */
  endSession(session: string): Promise<void> {
    return this.#settings.end(session);
  }

  stop(): Promise<void> {
    return this.pool.stop();
  }

  async #start(slot: number, reason: StartReason): Promise<Child> {
    const child = await this.#options.start(reason);
    this.#tunings.add(child, slot);
    child.listener = {
      onNotification: (method, bytes) => this.#hear(child, method, bytes),
      ...(this.#options.personal
        ? { onRequest: (request, signal) => this.#asked(child, request, signal) }
        : {}),
    };
    return child;
  }

  /** A child became ready: what was set while it was being opened follows, and lists that clients know. */
  #note(slot: number): void {
    const ready = this.pool?.at(slot);
    if (!ready || ready === this.#last) return;
    this.#last = ready;
    void this.#tunings.tune(ready.child);
    this.#lists.refresh(ready);
  }

  /** To every client of these children. */
  #tell(message: Buffer): void {
    const { listener, session } = this.#options;
    if (session === undefined) listener.onMessage([message]);
    else listener.onMessage([message], [session]);
  }

  async #forward(
    request: ClientRequest,
    call: CallOptions,
    onSent?: Parameters<Forward>[2],
  ): Promise<Answer> {
    const taken = this.pool.take(call);
    const place = taken instanceof Promise ? await taken : taken;
    if (place === 'busy') return busy(request, this.#busyText());
    if (place === undefined)
      return call.signal.aborted ? aborted(request, call.signal, 0) : this.#unavailable(request);
    const { child } = place.ready;
    const token = request.progressToken;
    const { id, result } = child.send(
      (id) => renumber(request, id),
      token && request.bytes.toString('utf8', token.start, token.end),
      call.onMessage,
    );
    onSent?.(child, result);
    const outcome = await untilAborted(result, call.signal);
    if (outcome === undefined) return this.#giveUp(request, place, call, id);
    this.#leave(place, call);
    switch (outcome.kind) {
      case 'response':
        return answered(request, outcome.response, child.generation);
      case 'too_large':
        return tooLarge(request, child, outcome.length, this.#options.messageLimit);
      case 'died':
        return died(request, child, outcome.end);
    }
  }

  #giveUp(request: ClientRequest, place: Place, call: CallOptions, id: number): Answer {
    const { child } = place.ready;
    const answer = aborted(request, call.signal, child.generation);
    if (this.#options.oneByOne) {
      child.asks.drop();
      // Until the server has ended it, what it sends would be taken for the next client's.
      void child.giveUp(id, answer.outcome, GIVE_UP_MS).then((ended) => {
        if (!ended) place.supervisor.abandon(child);
        this.#leave(place, call);
      });
    } else {
      child.cancel(id, answer.outcome);
      this.#leave(place, call);
      if (answer.outcome === 'timeout') place.supervisor.suspect(child);
    }
    return answer;
  }

  #leave(place: Place, call: CallOptions): void {
    if (this.#options.oneByOne) place.ready.child.asks.drop();
    this.pool.leave(place, call);
    this.#options.onCallEnded(this);
  }

  #busyText(): string {
    const calls = this.pool.ready().reduce((sum, { child }) => sum + child.work.count, 0);
    return `the MCP server already works on ${calls} requests; try again in a moment`;
  }

  #unavailable(request: ClientRequest): Answer {
    const reasons = this.health();
    const why = reasons.map(({ message }) => message).join('; ') || 'the MCP server is not ready';
    const reason = reasons[0]?.code ?? 'child_starting';
    return {
      ...failure(request, 'unavailable', 0, CODE.internalError, reason, why),
      retryAfter: this.pool.secondsToStart(),
    };
  }

  #hear(child: Child, method: string, bytes: Buffer): void {
    const { personal, members, session, listener, log } = this.#options;
    if (LIST_CHANGES.has(method)) this.#lists.changed(child, method, bytes);
    else if (personal && method === 'notifications/resources/updated') this.#updated(child, bytes);
    else {
      const call = child.work.newest;
      const running = call && !call.signal.aborted;
      const to = session ?? (running ? call.caller.session : undefined);
      // A log message of a shared server may speak of another client's call: it goes to our log alone.
      if (!personal || to === undefined) log.debug('child_notification', { method });
      else if (method === 'notifications/message' && !members.hears(to, bytes)) return;
      else if (running) call.onMessage([bytes]);
      else listener.onMessage([bytes], [to]);
    }
  }

  /** A resource changed that sessions watch. */
  #updated(child: Child, bytes: Buffer): void {
    const { members, listener } = this.#options;
    const { slot } = this.#tunings.of(child);
    const uri = paramString(bytes, 'uri');
    // One that is being replaced and its successor watch the same: one of them is enough.
    if (uri === undefined || this.pool.at(slot)?.child !== child) return;
    const sessions = members.subscribersOf(uri, slot);
    if (sessions.length > 0) listener.onMessage([bytes], sessions);
  }

  #asked(child: Child, request: ServerRequest, signal: AbortSignal): Promise<Pieces> {
    const { session, capabilities, listener } = this.#options;
    const call = child.work.newest;
    if (call?.onRequest && !call.signal.aborted) return call.onRequest(request, signal);
    if (session !== undefined && mayBeAsked(request.method, capabilities))
      return listener.onRequest(session, request, signal);
    const text = `no client is being served that could be asked for ${request.method.slice(0, 100)}`;
    return Promise.resolve([errorBytes(request.id, CODE.methodNotFound, text)]);
  }
}
