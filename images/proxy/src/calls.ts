/**
 * Every request to the upstream goes through here, whichever era it came from: rules for tools, limits, deadline,
 * cancellation, metrics, the audit line, and the count that a drain waits for.
 */
import type { Logger } from '../../kit/src/logger.ts';
import { Roster } from '../../kit/src/roster.ts';
import type { CallAudit } from './audit.ts';
import { type ClientRequest, CODE, errorBytes } from './jsonrpc/message.ts';
import { withMeta } from './jsonrpc/meta.ts';
import type { Admission } from './limits/admission.ts';
import type { LimitName } from './limits/places.ts';
import { refusedAnswer } from './limits/refusal.ts';
import type { ToolPolicy } from './policy/policy.ts';
import type { Denial } from './policy/rules.ts';
import { aborted, untilAborted } from './upstream/answers.ts';
import {
  type Answer,
  type AskClient,
  CallAborted,
  type Caller,
  type CallOptions,
  type Pieces,
  type Upstream,
} from './upstream/upstream.ts';

export interface CallObserver {
  ended(call: { method: string; tool: string; outcome: Answer['outcome']; seconds: number }): void;
  /** A request had to wait for a place, and got one or did not. */
  waited(seconds: number): void;
  refused(limit: LimitName): void;
  denied(tool: string, rule: Denial['rule']): void;
}

export interface CallsOptions {
  readonly upstream: Upstream;
  readonly log: Logger;
  readonly audit: CallAudit;
  readonly observer: CallObserver;
  readonly admission: Admission;
  readonly policy: ToolPolicy;
  /** The limit of a key that has one of its own. */
  keyLimit(principal: string): number | undefined;
  readonly timeoutMs: number;
}

interface Running {
  readonly session: string;
  /** The request's id as a value, so that `1` and `1.0` are the same and `"1"` is not. */
  readonly id: unknown;
  readonly abort: AbortController;
}

/** How a call ended, and what happened to it before the server. */
interface Ended {
  readonly answer: Answer;
  readonly queuedMs: number;
  readonly refused?: LimitName;
  readonly denial?: Denial | undefined;
}

interface Report {
  readonly request: ClientRequest;
  readonly caller: Caller;
  readonly ended: Ended;
  readonly durationMs: number;
}

export class Calls {
  readonly #options: CallsOptions;
  readonly #running = new Roster<Running>();
  readonly #idle = new Set<() => void>();
  /** Calls that ended in this turn of the event loop and are yet to be reported. */
  #unreported: Report[] = [];

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#running.size;
  }

  /** Runs a request to its answer; never rejects. */
  async run(
    request: ClientRequest,
    caller: Caller,
    onMessage: (message: Pieces) => void,
    onRequest?: AskClient,
  ): Promise<Answer> {
    const { timeoutMs } = this.#options;
    const start = performance.now();
    const abort = new AbortController();
    // Runs from here on, so that waiting for a place counts too.
    const timer = setTimeout(() => {
      abort.abort(new CallAborted('timeout', `no answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    const running: Running = { session: caller.session, id: JSON.parse(request.id), abort };
    this.#running.add(running);
    let ended: Ended;
    try {
      ended = await this.#perform(request, {
        caller,
        onMessage,
        ...(onRequest ? { onRequest } : {}),
        signal: abort.signal,
      });
    } catch (error) {
      this.#options.log.error('call_failed', { method: request.method, error });
      const message = errorBytes(
        request.id,
        CODE.internalError,
        'the proxy failed at this request',
      );
      ended = { answer: { message: [message], outcome: 'error', generation: 0 }, queuedMs: 0 };
    } finally {
      clearTimeout(timer);
      this.#running.delete(running);
      if (this.#running.size === 0) for (const wake of this.#idle) wake();
    }
    this.#reportLater({ request, caller, ended, durationMs: performance.now() - start });
    return ended.answer;
  }

  /**
   * Gives up the request of this id in this session. Several with the same id cannot be told apart, and
   * cancelling is a courtesy: then none is given up.
   */
  cancel(session: string, id: unknown): void {
    const meant = [...this.#running].filter((call) => call.session === session && call.id === id);
    if (meant.length === 1)
      meant[0]?.abort.abort(new CallAborted('cancelled', 'the client cancelled this request'));
  }

  /** Gives up every request under way; each is answered with an error that says why. */
  giveUp(why: string): void {
    for (const { abort } of this.#running) abort.abort(new CallAborted('cancelled', why));
  }

  /** Resolves when no request is in flight. */
  async drained(): Promise<void> {
    while (this.#running.size > 0)
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#idle.delete(wake);
          resolve();
        };
        this.#idle.add(wake);
      });
  }

  async #perform(request: ClientRequest, options: CallOptions): Promise<Ended> {
    const { caller, signal } = options;
    const { upstream, policy, admission, keyLimit } = this.#options;
    const checked = policy.check(request, caller);
    const stopped = checked instanceof Promise ? await untilAborted(checked, signal) : checked;
    if (signal.aborted) return { answer: aborted(request, signal, 0), queuedMs: 0 };
    if (stopped) return { ...stopped, queuedMs: 0 };
    const { principal, session, traceparent } = caller;
    // What takes none of the server's time takes no place there.
    const known = upstream.recall?.(request);
    if (known) return { answer: policy.shown(request, principal, known), queuedMs: 0 };
    const ownLimit = keyLimit(principal);
    const entering = admission.enter({ principal, session, keyLimit: ownLimit }, signal);
    const entered = entering instanceof Promise ? await entering : entering;
    const { waitedMs: queuedMs } = entered;
    if (entered.state === 'aborted') return { answer: aborted(request, signal, 0), queuedMs };
    if (entered.state === 'refused') {
      const answer = refusedAnswer(request.id, entered.refusal, ownLimit !== undefined);
      return { answer, queuedMs, refused: entered.refusal.limit };
    }
    try {
      const sent = traceparent ? withMeta(request, 'traceparent', traceparent) : request;
      const answer = await upstream.call(sent, options);
      return { answer: policy.shown(request, principal, answer), queuedMs };
    } finally {
      entered.leave();
    }
  }

  /** The answers of this turn go out first: nobody waits for a record. */
  #reportLater(report: Report): void {
    if (this.#unreported.push(report) > 1) return;
    setImmediate(() => {
      const reports = this.#unreported;
      this.#unreported = [];
      for (const one of reports) this.#report(one);
    });
  }

  #report({ request, caller, ended, durationMs }: Report): void {
    const { audit, observer, upstream } = this.#options;
    const { answer, queuedMs, refused, denial } = ended;
    const { method, params } = request;
    const { outcome } = answer;
    const name = method === 'tools/call' && typeof params.name === 'string' ? params.name : '';
    // Only names that the server offers become labels: a client must not be able to make new series.
    const tool = name === '' ? '' : upstream.tools().has(name) ? name : 'unknown';
    observer.ended({ method, tool, outcome, seconds: durationMs / 1000 });
    if (queuedMs > 0) observer.waited(queuedMs / 1000);
    if (refused !== undefined) observer.refused(refused);
    if (denial !== undefined) observer.denied(tool, denial.rule);
    if (method === 'tools/call')
      audit.write({ request, caller, answer, queuedMs, durationMs, refused, denial });
  }
}
