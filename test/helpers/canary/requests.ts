/** What stand-ins of Dremio in this process are sent: every address, header and body that differs from all before. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

const CHANNEL = 'http.server.request.start';

export class RequestRecord implements Disposable {
  readonly #seen = new Set<string>();
  readonly #onRequest: (message: unknown) => void;

  /** @param isMeant whether requests to a port of this process belong to it */
  constructor(isMeant: (port: number) => boolean) {
    this.#onRequest = (message) => {
      const { request } = message as { request: IncomingMessage };
      if (isMeant((request.socket.address() as AddressInfo).port)) this.#take(request);
    };
    subscribe(CHANNEL, this.#onRequest);
  }

  get text(): string {
    return [...this.#seen].join('\n');
  }

  #take(request: IncomingMessage): void {
    const { method, url, rawHeaders } = request;
    this.#seen.add(`${method} ${url}`);
    for (let at = 0; at < rawHeaders.length; at += 2)
      this.#seen.add(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
    // Seen as it comes in: a listener of its own would take the body from the server.
    const push = request.push.bind(request);
    request.push = (chunk: Buffer | null, encoding) => {
      if (chunk !== null) this.#seen.add(chunk.toString('latin1'));
      return push(chunk, encoding);
    };
  }

  [Symbol.dispose](): void {
    unsubscribe(CHANNEL, this.#onRequest);
  }
}
