/**
 * Children that serve the same clients: all of them share one scope, or each session has its own. A call gets a
 * place at a child; what the child sends meanwhile goes where it belongs.
 */
import type { Logger } from '../../../../kit/src/logger.ts';
import type { Reason } from '../../../../kit/src/operations.ts';
import {
  type ClientRequest,
  CODE,
  errorBytes,
  renumber,
  resultBytes,
} from '../../jsonrpc/message.ts';
import {
  paramString,
  type ServerRequest,
  type ServerResponse,
} from '../../jsonrpc/server-message.ts';
import { aborted, answered, busy, failure, untilAborted } from '../answers.ts';
import { changeOf, isFirstPage, LIST_CHANGES, type Offered } from '../catalogue.ts';
import { mayBeAsked } from '../methods.ts';
import type { Answer, CallOptions, Handshake, Pieces, UpstreamListener } from '../upstream.ts';
import { died, tooLarge } from './answers.ts';
import { type Child, type ChildResult, Refusal } from './child.ts';
import type { Ready } from './life.ts';
import { LEVEL_NAMES, type Members } from './members.ts';
import { type Place, Pool, type PoolOptions } from './pool.ts';
import { type StartReason, Supervisor, type SupervisorOptions } from './supervisor.ts';
import { Tuning, tune } from './tuning.ts';

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

/** A list, and which start of the server gave it. */
interface Listed {
  readonly response: ServerResponse;
  readonly generation: number;
}

export class Scope {
  readonly pool: Pool;
  readonly #options: ScopeOptions;
  readonly #tunings = new WeakMap<Child, Tuning>();
  /** Lists that a child is being asked for, by method. */
  readonly #filling = new Map<string, Promise<Listed | undefined>>();
  #last: Ready | undefined;

  constructor(options: ScopeOptions) {
    this.#options = options;
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
          prepare: async (child) => void (await this.#tune(child)),
        }),
    });
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

  async call(request: ClientRequest, call: CallOptions): Promise<Answer> {
    const { personal } = this.#options;
    if (personal && request.method === 'logging/setLevel') return this.#setLevel(request, call);
    if (personal && request.method === 'resources/subscribe') return this.#subscribe(request, call);
    if (personal && request.method === 'resources/unsubscribe')
      return this.#unsubscribe(request, call);
    if (isFirstPage(request)) return this.#list(request, call);
    return this.#forward(request, call);
  }

  /** Forgets what a session set. */
  async endSession(session: string): Promise<void> {
    this.#options.members.end(session);
    await Promise.all(this.pool.ready().map(({ child }) => this.#tune(child)));
  }

  stop(): Promise<void> {
    return this.pool.stop();
  }

  async #start(slot: number, reason: StartReason): Promise<Child> {
    const child = await this.#options.start(reason);
    this.#tunings.set(child, new Tuning(slot));
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
    void this.#tune(ready.child);
    const { child, handshake } = ready;
    for (const method of this.#options.offered.methods()) {
      const [kind = ''] = method.split('/');
      if (!handshake.capabilities[kind]) continue;
      const { result } = child.send((id) => [
        Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"${method}"}`),
      ]);
      this.#fill(child, method, result);
    }
  }

  /** A list as one child gave it, without asking it again. */
  async #list(request: ClientRequest, call: CallOptions): Promise<Answer> {
    for (const { child } of this.pool.ready()) {
      const known = this.#tuning(child).catalogue.known(request.method);
      const response = known && (await untilAborted(known, call.signal));
      if (response) return answered(request, response, child.generation);
    }
    // Those who ask before the child was asked wait for the one who asks it.
    const other = this.#filling.get(request.method);
    const given = other && (await untilAborted(other, call.signal));
    if (given) return answered(request, given.response, given.generation);
    const { promise, resolve } = Promise.withResolvers<Listed | undefined>();
    this.#filling.set(request.method, promise);
    let listed: Listed | undefined;
    try {
      return await this.#forward(request, call, (child, result) => {
        const { generation } = child;
        const kept = untilAborted(result, call.signal).then((one) => {
          if (one?.kind === 'response' && !one.response.failed)
            listed = { response: one.response, generation };
          return one;
        });
        this.#fill(child, request.method, kept);
      });
    } finally {
      if (this.#filling.get(request.method) === promise) this.#filling.delete(request.method);
      resolve(listed);
    }
  }

  #fill(child: Child, method: string, result: Promise<ChildResult | undefined>): void {
    const tuning = this.#tuning(child);
    const response = result.then((one) =>
      one?.kind === 'response' && !one.response.failed ? one.response : undefined,
    );
    tuning.catalogue.fill(method, response);
    void response.then((list) => list && this.#compare(tuning, method, list));
  }

  /** A start of the server that offers something else than the one before tells every client so. */
  #compare(tuning: Tuning, method: string, list: ServerResponse): void {
    const differs = this.#options.offered.differs(method, list);
    const first = tuning.firstTime(method);
    const change = changeOf(method);
    if (!differs || !first || change === undefined) return;
    this.#tell([Buffer.from(`{"jsonrpc":"2.0","method":"${change}"}`)]);
  }

  /** To every client of these children. */
  #tell(message: Pieces): void {
    const { listener, session } = this.#options;
    if (session === undefined) listener.onMessage(message);
    else listener.onMessage(message, [session]);
  }

  async #forward(
    request: ClientRequest,
    call: CallOptions,
    onSent: (child: Child, result: Promise<ChildResult>) => void = () => {},
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
    onSent(child, result);
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
      child.dropAsks();
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
    if (this.#options.oneByOne) place.ready.child.dropAsks();
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

  async #setLevel(request: ClientRequest, { caller, signal }: CallOptions): Promise<Answer> {
    const { members, startPatienceMs } = this.#options;
    const first = await untilAborted(this.pool.whenReady(startPatienceMs), signal);
    if (!first) return signal.aborted ? aborted(request, signal, 0) : this.#unavailable(request);
    const { generation } = first.child;
    const fail = (code: number, message: string): Answer => ({
      message: [errorBytes(request.id, code, message)],
      outcome: 'error',
      generation,
    });
    if (!first.handshake.capabilities.logging)
      return fail(CODE.methodNotFound, 'the MCP server offers no log levels');
    if (!members.setLevel(caller.session, request.params.level))
      return fail(CODE.invalidParams, `the level must be one of ${LEVEL_NAMES}`);
    const tuned = Promise.all(this.pool.ready().map(({ child }) => this.#tune(child)));
    const refusals = await untilAborted(tuned, signal);
    if (!refusals) return aborted(request, signal, generation);
    const refusal = refusals.find((one) => one instanceof Refusal);
    if (!refusal) return this.#done(request, generation);
    members.unsetLevel(caller.session);
    return fail(refusal.code, refusal.message);
  }

  async #subscribe(request: ClientRequest, call: CallOptions): Promise<Answer> {
    const { members } = this.#options;
    const { uri } = request.params;
    const { session } = call.caller;
    if (typeof uri !== 'string') return this.#forward(request, call);
    const slot = members.slotOf(uri);
    if (slot !== undefined) {
      members.subscribe(session, uri, slot);
      return this.#done(request, this.pool.at(slot)?.child.generation ?? 0);
    }
    let asked: Child | undefined;
    const answer = await this.#forward(request, call, (child) => {
      asked = child;
    });
    if (answer.outcome !== 'ok' || !asked) return answer;
    const tuning = this.#tuning(asked);
    if (!members.subscribe(session, uri, tuning.slot))
      return busy(request, 'too many resources are watched; unsubscribe from some');
    tuning.watched.add(uri);
    // Replaced in between: its successor does not know.
    const now = this.pool.at(tuning.slot);
    if (now && now.child !== asked) await this.#tune(now.child);
    return answer;
  }

  async #unsubscribe(request: ClientRequest, call: CallOptions): Promise<Answer> {
    const { members } = this.#options;
    const { uri } = request.params;
    if (typeof uri !== 'string') return this.#forward(request, call);
    const slot = members.slotOf(uri);
    const child = slot === undefined ? undefined : this.pool.at(slot)?.child;
    if (members.unsubscribe(call.caller.session, uri) && child)
      await untilAborted(this.#tune(child), call.signal);
    return this.#done(request, child?.generation ?? 0);
  }

  #done(request: ClientRequest, generation: number): Answer {
    return { message: [resultBytes(request.id, {})], outcome: 'ok', generation };
  }

  #hear(child: Child, method: string, bytes: Buffer): void {
    const { personal, members, session, listener, log } = this.#options;
    if (LIST_CHANGES.has(method)) this.#listChanged(child, method, bytes);
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
    const { slot } = this.#tuning(child);
    const uri = paramString(bytes, 'uri');
    // One that is being replaced and its successor watch the same: one of them is enough.
    if (uri === undefined || this.pool.at(slot)?.child !== child) return;
    const sessions = members.subscribersOf(uri, slot);
    if (sessions.length > 0) listener.onMessage([bytes], sessions);
  }

  #listChanged(child: Child, method: string, bytes: Buffer): void {
    this.#tell([bytes]);
    this.#tuning(child).catalogue.changed(method);
    const ready = this.pool.ready().find((one) => one.child === child);
    if (method !== changeOf('tools/list') || !ready) return;
    child.listTools().then(
      (tools) => {
        ready.tools = tools;
      },
      () => {},
    );
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

  /** Brings a child to what its sessions have set; gives what it refused. */
  #tune(child: Child): Promise<unknown> {
    return tune(child, this.#tuning(child), this.#options.members, this.#options.log);
  }

  #tuning(child: Child): Tuning {
    const tuning = this.#tunings.get(child);
    if (!tuning) throw new Error('a child of another scope');
    return tuning;
  }
}
