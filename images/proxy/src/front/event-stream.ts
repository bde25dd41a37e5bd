/** One connection that carries JSON-RPC messages as server-sent events, kept alive with comments. */
import type { ServerResponse } from 'node:http';
import type { Pieces } from '../upstream/upstream.ts';
import type { Outflow } from './outflow.ts';

/** Well below the 30 to 60 s after which proxies drop a silent connection. */
const KEEP_ALIVE_MS = 15_000;
const KEEP_ALIVE = ': keep-alive\n\n';
const SUFFIX = Buffer.from('\n\n');

/** Where the messages of one answer, or those that the server sends on its own account, go. */
export interface MessageStream {
  /** `answers` is the id, as JSON text, of the request that this message answers. */
  send(message: Pieces, answers?: string): void;
  end(): void;
}

export class EventStream implements MessageStream {
  readonly #response: ServerResponse;
  readonly #outflow: Outflow;
  readonly #timer: NodeJS.Timeout;

  /** Sends the head of the response. */
  constructor(response: ServerResponse, outflow: Outflow) {
    this.#response = response;
    this.#outflow = outflow;
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    this.#timer = setInterval(() => this.#write([], KEEP_ALIVE), KEEP_ALIVE_MS);
    response.once('close', () => clearInterval(this.#timer));
  }

  /** An event without a message: from now on the client can come back with this id, after `retryMs`. */
  prime(id: string, retryMs: number): void {
    this.#write([], `id: ${id}\nretry: ${retryMs}\ndata: \n\n`);
  }

  send(message: Pieces): void {
    this.#write(message, 'event: message\ndata: ');
  }

  /** An event that the client can name when it comes back. */
  sendAs(id: string, message: Pieces): void {
    this.#write(message, `id: ${id}\nevent: message\ndata: `);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#response.end();
  }

  /** Ends the connection without waiting for what was not sent yet. */
  cut(): void {
    this.#response.destroy();
  }

  /** Calls the listener when the connection is over, which it may be already. */
  onClose(listener: () => void): void {
    if (this.#response.closed || this.#response.destroyed) listener();
    else this.#response.once('close', listener);
  }

  #write(message: Pieces, head: string): void {
    const response = this.#response;
    if (response.writableEnded || response.destroyed || !this.#outflow.admits(response)) return;
    let bytes = head.length;
    response.cork();
    response.write(head);
    for (const piece of message) {
      bytes += piece.length;
      response.write(piece);
    }
    if (message.length > 0) response.write(SUFFIX);
    response.uncork();
    this.#outflow.wrote(response, bytes);
  }
}
