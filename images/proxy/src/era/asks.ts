/**
 * Requests of the server to clients: each gets an id that no other has, goes to one client, and ends with that
 * client's answer, with the deadline, or when the server, the client or the session is gone.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../kit/src/clock.ts';
import { type ClientResponse, CODE, errorBytes } from '../jsonrpc/message.ts';
import { splice } from '../jsonrpc/scan.ts';
import type { ServerRequest } from '../jsonrpc/server-message.ts';
import type { Pieces } from '../upstream/upstream.ts';

export interface ClientAsksOptions {
  /** How long a client may take. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** An answer came that nobody waits for: a second one, a late one, or one with a strange id. */
  onIgnored(): void;
}

/** One request on its way. */
export interface Asking {
  /** Name of the session whose client is asked. */
  readonly session: string;
  readonly request: ServerRequest;
  /** Aborts when the server no longer waits. */
  readonly signal: AbortSignal;
  /** Aborts when the client cannot answer any more. */
  readonly gone?: AbortSignal;
  /** Sends to the client; false when there is no way to it. */
  send(message: Pieces): boolean;
}

interface Waiting {
  readonly session: string;
  readonly settle: (response: ClientResponse | 'session over') => void;
}

export class ClientAsks {
  readonly #options: ClientAsksOptions;
  readonly #waiting = new Map<string, Waiting>();
  /** Of this process: an answer that was meant for another replica fits nothing here. */
  readonly #origin = randomBytes(6).toString('hex');
  #count = 0;

  constructor(options: ClientAsksOptions) {
    this.#options = options;
  }

  /** Requests that wait for clients. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Asks a client; resolves with the response for the server, never rejects. */
  async ask({ session, request, signal, gone, send }: Asking): Promise<Pieces> {
    const { timeoutMs, clock } = this.#options;
    const id = `"${this.#origin}-${++this.#count}"`;
    const fail = (code: number, why: string): Pieces => [errorBytes(request.id, code, why)];
    if (
      signal.aborted ||
      gone?.aborted ||
      !send(splice(request.bytes, [{ span: request.idSpan, value: id }]))
    )
      return fail(
        CODE.connectionClosed,
        'the client has no stream open on which it could be asked',
      );
    const over = new AbortController();
    let answer: ClientResponse | 'session over' | undefined;
    this.#waiting.set(id, {
      session,
      settle: (response) => {
        answer = response;
        over.abort();
      },
    });
    await clock.sleep(timeoutMs, AbortSignal.any([over.signal, signal, ...(gone ? [gone] : [])]));
    this.#waiting.delete(id);
    if (typeof answer === 'object')
      return splice(answer.bytes, [{ span: answer.idSpan, value: request.id }]);
    if (answer === 'session over')
      return fail(CODE.connectionClosed, 'the session of the client is over');
    if (gone?.aborted) return fail(CODE.connectionClosed, 'the client went away without an answer');
    const reason = signal.aborted ? 'the server no longer waits' : 'no answer in time';
    send([
      Buffer.from(
        `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},"reason":"${reason}"}}`,
      ),
    ]);
    return fail(CODE.requestTimeout, `the client did not answer within ${timeoutMs / 1000} s`);
  }

  /** Takes what a client answers; an answer to nothing that this session was asked is ignored. */
  answer(session: string, response: ClientResponse): void {
    const waiting = this.#waiting.get(response.id);
    if (waiting?.session !== session) {
      this.#options.onIgnored();
      return;
    }
    this.#waiting.delete(response.id);
    waiting.settle(response);
  }

  endSession(session: string): void {
    for (const [id, waiting] of this.#waiting) {
      if (waiting.session !== session) continue;
      this.#waiting.delete(id);
      waiting.settle('session over');
    }
  }
}
