/**
 * What a session sets on children that serve several: its log level and the resources that it watches. Each is kept
 * here and told to the children, so that a new start of the server hears it too.
 */
import { type ClientRequest, CODE, errorBytes, resultBytes } from '../../jsonrpc/message.ts';
import { aborted, busy, untilAborted } from '../answers.ts';
import type { Answer, CallOptions } from '../upstream.ts';
import { type Child, Refusal } from './child.ts';
import type { Forward } from './lists.ts';
import { LEVEL_NAMES, type Members } from './members.ts';
import type { Pool } from './pool.ts';
import type { Tunings } from './tuning.ts';

export interface SessionSettingsOptions {
  readonly pool: Pool;
  readonly tunings: Tunings;
  readonly members: Members;
  readonly startPatienceMs: number;
  readonly forward: Forward;
  unavailable(request: ClientRequest): Answer;
}

export class SessionSettings {
  readonly #options: SessionSettingsOptions;

  constructor(options: SessionSettingsOptions) {
    this.#options = options;
  }

  /** The answer to a request that sets something; undefined for any other. */
  answer(request: ClientRequest, call: CallOptions): Promise<Answer> | undefined {
    switch (request.method) {
      case 'logging/setLevel':
        return this.#setLevel(request, call);
      case 'resources/subscribe':
        return this.#subscribe(request, call);
      case 'resources/unsubscribe':
        return this.#unsubscribe(request, call);
      default:
        return undefined;
    }
  }

  /** Forgets what a session set. */
  async end(session: string): Promise<void> {
    this.#options.members.end(session);
    await this.#tuneAll();
  }

  async #setLevel(request: ClientRequest, { caller, signal }: CallOptions): Promise<Answer> {
    const { pool, members, startPatienceMs, unavailable } = this.#options;
    const first = await untilAborted(pool.whenReady(startPatienceMs), signal);
    if (!first) return signal.aborted ? aborted(request, signal, 0) : unavailable(request);
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
    const refusals = await untilAborted(this.#tuneAll(), signal);
    if (!refusals) return aborted(request, signal, generation);
    const refusal = refusals.find((one) => one instanceof Refusal);
    if (!refusal) return done(request, generation);
    members.unsetLevel(caller.session);
    return fail(refusal.code, refusal.message);
  }

  async #subscribe(request: ClientRequest, call: CallOptions): Promise<Answer> {
    const { pool, tunings, members, forward } = this.#options;
    const { uri } = request.params;
    const { session } = call.caller;
    if (typeof uri !== 'string') return forward(request, call, () => {});
    const slot = members.slotOf(uri);
    if (slot !== undefined) {
      members.subscribe(session, uri, slot);
      return done(request, pool.at(slot)?.child.generation ?? 0);
    }
    let asked: Child | undefined;
    const answer = await forward(request, call, (child) => {
      asked = child;
    });
    if (answer.outcome !== 'ok' || !asked) return answer;
    const tuning = tunings.of(asked);
    if (!members.subscribe(session, uri, tuning.slot))
      return busy(request, 'too many resources are watched; unsubscribe from some');
    tuning.watched.add(uri);
    // Replaced in between: its successor does not know.
    const now = pool.at(tuning.slot);
    if (now && now.child !== asked) await tunings.tune(now.child);
    return answer;
  }

  async #unsubscribe(request: ClientRequest, call: CallOptions): Promise<Answer> {
    const { pool, tunings, members, forward } = this.#options;
    const { uri } = request.params;
    if (typeof uri !== 'string') return forward(request, call, () => {});
    const slot = members.slotOf(uri);
    const child = slot === undefined ? undefined : pool.at(slot)?.child;
    if (members.unsubscribe(call.caller.session, uri) && child)
      await untilAborted(tunings.tune(child), call.signal);
    return done(request, child?.generation ?? 0);
  }

  #tuneAll(): Promise<unknown[]> {
    const { pool, tunings } = this.#options;
    return Promise.all(pool.ready().map(({ child }) => tunings.tune(child)));
  }
}

const done = (request: ClientRequest, generation: number): Answer => ({
  message: [resultBytes(request.id, {})],
  outcome: 'ok',
  generation,
});
