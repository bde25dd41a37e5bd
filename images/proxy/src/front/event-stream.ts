/** A stream of server-sent events that carries JSON-RPC messages, kept alive with comments. */
import type { ServerResponse } from 'node:http';
import type { Pieces } from '../upstream/upstream.ts';

/** Well below the 30 to 60 s after which proxies drop a silent connection. */
const KEEP_ALIVE_MS = 15_000;
/** A client that leaves more than this unread is cut off: it would fill our memory. */
const MOST_UNREAD = 64 * 1024 * 1024;
const PREFIX = Buffer.from('event: message\ndata: ');
const SUFFIX = Buffer.from('\n\n');

export class EventStream {
  readonly #response: ServerResponse;
  readonly #timer: NodeJS.Timeout;

  /** Sends the head of the response. */
  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    this.#timer = setInterval(() => response.write(': keep-alive\n\n'), KEEP_ALIVE_MS);
    response.once('close', () => clearInterval(this.#timer));
  }

  send(message: Pieces): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    if (this.#response.writableLength > MOST_UNREAD) {
      this.#response.destroy();
      return;
    }
    this.#response.cork();
    this.#response.write(PREFIX);
    for (const piece of message) this.#response.write(piece);
    this.#response.write(SUFFIX);
    this.#response.uncork();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#response.end();
  }

  onClose(listener: () => void): void {
    this.#response.once('close', listener);
  }
}
