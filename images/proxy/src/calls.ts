/**
 * Every request to the upstream goes through here, whichever era it came from: deadline, cancellation, metrics,
 * the audit line, and the count that a drain waits for.
 */
import { createHash } from 'node:crypto';
import type { Logger } from '../../kit/src/logger.ts';
import { type ClientRequest, CODE, errorBytes } from './jsonrpc/message.ts';
import {
  type Answer,
  CallAborted,
  type Caller,
  type Pieces,
  type Upstream,
} from './upstream/upstream.ts';

export interface CallObserver {
  ended(call: { method: string; tool: string; outcome: Answer['outcome']; seconds: number }): void;
}

export interface CallsOptions {
  readonly upstream: Upstream;
  readonly log: Logger;
  readonly observer: CallObserver;
  readonly timeoutMs: number;
}

interface Running {
  readonly session: string;
  /** The request's id as a value, so that `1` and `1.0` are the same and `"1"` is not. */
  readonly id: unknown;
  readonly abort: AbortController;
}

const LONGEST_NAME = 128;

export class Calls {
  readonly #options: CallsOptions;
  readonly #running = new Set<Running>();
  readonly #idle = new Set<() => void>();

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
  ): Promise<Answer> {
    const { upstream, timeoutMs } = this.#options;
    const start = performance.now();
    const abort = new AbortController();
    const timer = setTimeout(() => {
      abort.abort(new CallAborted('timeout', `no answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    const running: Running = { session: caller.session, id: JSON.parse(request.id), abort };
    this.#running.add(running);
    let answer: Answer;
    try {
      answer = await upstream.call(request, { caller, onMessage, signal: abort.signal });
    } catch (error) {
      this.#options.log.error('call_failed', { method: request.method, error });
      answer = {
        message: [errorBytes(request.id, CODE.internalError, 'the proxy failed at this request')],
        outcome: 'error',
        generation: 0,
      };
    } finally {
      clearTimeout(timer);
      this.#running.delete(running);
      if (this.#running.size === 0) for (const wake of this.#idle) wake();
    }
    this.#report(request, caller, answer, performance.now() - start);
    return answer;
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

  #report(request: ClientRequest, caller: Caller, answer: Answer, ms: number): void {
    const { log, observer, upstream } = this.#options;
    const { method, params } = request;
    const { outcome, generation } = answer;
    const name = method === 'tools/call' && typeof params.name === 'string' ? params.name : '';
    // Only names that the server offers become labels: a client must not be able to make new series.
    const tool = name === '' ? '' : upstream.toolNames().has(name) ? name : 'unknown';
    observer.ended({ method, tool, outcome, seconds: ms / 1000 });
    if (method !== 'tools/call') return;
    log.audit('tool_called', {
      principal: caller.principal,
      session: caller.session,
      tool: name.slice(0, LONGEST_NAME),
      arguments: argumentsDigest(request),
      outcome,
      duration_ms: Math.round(ms),
      generation,
    });
  }
}

/** Names a call's arguments, as the client wrote them, without telling them. */
function argumentsDigest({ bytes, argumentsSpan: span }: ClientRequest): string {
  const text = span ? bytes.subarray(span.start, span.end) : '';
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
