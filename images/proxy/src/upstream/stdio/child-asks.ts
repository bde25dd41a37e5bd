/** Requests of a child to clients that wait for their answers, by the child's own ids. */
import { CODE, errorBytes, resultBytes } from '../../jsonrpc/message.ts';
import { paramSpan, type ServerRequest } from '../../jsonrpc/server-message.ts';
import type { AskClient, Pieces } from '../upstream.ts';

/** Most that wait at once. */
const MOST = 64;

export class ChildAsks {
  readonly #reply: (message: Pieces) => void;
  /** By id as JSON text. */
  readonly #waiting = new Map<string, AbortController>();

  /** @param reply sends a response to the child */
  constructor(reply: (message: Pieces) => void) {
    this.#reply = reply;
  }

  /** A ping is answered here; anything else is for a client, where one can be told. */
  take(request: ServerRequest, onRequest: AskClient | undefined): void {
    const { id, method } = request;
    if (method === 'ping') {
      this.#reply([resultBytes(id, {})]);
      return;
    }
    if (!onRequest) {
      this.#refuse(id, CODE.methodNotFound, `this client does not offer ${method}`);
      return;
    }
    if (this.#waiting.has(id) || this.#waiting.size >= MOST) {
      this.#refuse(id, CODE.invalidRequest, 'this id waits already, or too many do');
      return;
    }
    const ask = new AbortController();
    this.#waiting.set(id, ask);
    void onRequest(request, ask.signal).then((answer) => {
      if (this.#waiting.get(id) !== ask) return;
      this.#waiting.delete(id);
      this.#reply(answer);
    });
  }

  /** The child sent `notifications/cancelled`: it no longer waits for a client's answer. */
  withdraw(notification: Buffer): void {
    const span = paramSpan(notification, 'requestId');
    const id = span && notification.toString('utf8', span.start, span.end);
    if (id === undefined) return;
    this.#waiting.get(id)?.abort();
    this.#waiting.delete(id);
  }

  /** The calls are over that the child asked for: it hears so, and late answers are dropped. */
  drop(): void {
    for (const [id, ask] of this.#waiting) {
      ask.abort();
      this.#refuse(id, CODE.connectionClosed, 'the request that this belonged to is over');
    }
    this.#waiting.clear();
  }

  #refuse(id: string, code: number, text: string): void {
    this.#reply([errorBytes(id, code, text)]);
  }
}
