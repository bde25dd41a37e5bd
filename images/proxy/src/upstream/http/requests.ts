/**
 * The requests that wait for the remote server in one session. Ids are the session's own count, so equal ids of
 * different clients never meet.
 */
import type { Clock } from '../../../../kit/src/clock.ts';
import type { Logger } from '../../../../kit/src/logger.ts';
import { CODE, errorBytes, resultBytes } from '../../jsonrpc/message.ts';
import { splice } from '../../jsonrpc/scan.ts';
import {
  idOfOversize,
  paramSpan,
  readServerMessage,
  type ServerResponse,
} from '../../jsonrpc/server-message.ts';
import type { Pieces } from '../upstream.ts';
import { contentType, type Incoming, readJson } from './incoming.ts';
import { type Resumption, resume } from './listening.ts';
import type { Remote, RemoteResponse } from './remote.ts';
import { Trouble } from './trouble.ts';
import { discard, type Wire } from './wire.ts';

export interface RequestsOptions {
  readonly wire: Wire;
  readonly remote: Remote;
  readonly messageLimit: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes credentials out of what the server sends. */
  clean(bytes: Buffer): Buffer;
  /** A notification that belongs to no request. */
  onNotification(method: string, bytes: Buffer): void;
}

/** A request on its way. */
export interface Outgoing {
  readonly method: string;
  /** The message for the id that it gets; the server sees nothing when this throws. */
  build(id: number): Pieces;
  /** JSON text of the client's progress token. */
  readonly progressToken?: string | undefined;
  onMessage?(message: Pieces): void;
  /** The beginning of the answer. */
  onResponse?(response: RemoteResponse): void;
  readonly signal: AbortSignal;
}

interface Pending {
  readonly outgoing: Outgoing;
  resolve(response: ServerResponse): void;
  reject(trouble: Trouble): void;
}

/** A stream that the server leaves open behind its answer is closed after this. */
const LINGER_MS = 1_000;

export class Requests {
  readonly #options: RequestsOptions;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  /** Sends a request. @throws Trouble when it gets no answer, the signal's reason when it is given up */
  async send(outgoing: Outgoing): Promise<ServerResponse> {
    const { method, signal } = outgoing;
    signal.throwIfAborted();
    const id = this.#nextId++;
    const body = outgoing.build(id);
    const over = new AbortController();
    const result = new Promise<ServerResponse>((resolve, reject) => {
      this.#pending.set(id, { outgoing, resolve, reject });
      signal.addEventListener('abort', () => reject(signal.reason), { signal: over.signal });
      const carried = this.#carry(id, outgoing, body, over.signal);
      carried.then(() => reject(this.#silent(method)), reject);
      void carried.catch(() => {}).finally(() => over.abort());
    });
    try {
      return await result;
    } catch (error) {
      // The one request that must not be cancelled.
      if (signal.aborted && method !== 'initialize') this.#cancel(id);
      over.abort();
      throw error;
    } finally {
      this.#pending.delete(id);
      if (!over.signal.aborted) setTimeout(() => over.abort(), LINGER_MS).unref();
    }
  }

  /** How a stream of this session is read, and opened again when it ends early. */
  resumption(signal: AbortSignal): Resumption {
    const { clock, remote, wire } = this.#options;
    return {
      signal,
      clock,
      remote,
      incoming: this.#incoming(undefined),
      open: (lastEventId, label) => wire.send({ method: 'GET', label, lastEventId, signal }),
    };
  }

  #cancel(requestId: number): void {
    this.#options.wire.note('notifications/cancelled', { requestId }).catch(() => {});
  }

  /** Posts the request and reads whatever comes back, until no more can come. */
  async #carry(
    id: number,
    { method, onResponse }: Outgoing,
    body: Pieces,
    signal: AbortSignal,
  ): Promise<void> {
    const { wire, remote } = this.#options;
    const response = await wire.send({ method: 'POST', label: method, body, signal });
    onResponse?.(response);
    const incoming = this.#incoming(id);
    switch (contentType(response)) {
      case 'application/json':
        return readJson(response, incoming).catch((error: unknown) => {
          throw signal.aborted ? signal.reason : remote.trouble(error);
        });
      case 'text/event-stream':
        return resume(response, incoming, {
          ...this.resumption(signal),
          waiting: () => this.#pending.has(id),
        });
      default:
        discard(response);
        throw new Trouble(
          'upstream_unwell',
          `the MCP server at ${remote.address} answers ${method} with ${response.statusCode} and ${contentType(response) || 'no content type'}, which is not MCP: UPSTREAM_URL may be wrong`,
        );
    }
  }

  /** @param id whose answer an event is that cannot be read; undefined on the server's own stream */
  #incoming(id: number | undefined): Incoming {
    const { messageLimit: limit, clean, log } = this.#options;
    return {
      limit,
      message: (bytes) => this.#receive(clean(bytes)),
      oversize: (head, tail, length) => {
        log.warn('upstream_message_too_large', { length, limit });
        const whose = idOfOversize(head, tail) ?? id;
        if (whose === undefined) return;
        const text = `the answer has ${length} bytes and the limit is ${limit}; ask for less, for example with LIMIT or by aggregating`;
        this.#pending.get(whose)?.reject(new Trouble('too_large', text));
      },
    };
  }

  #receive(bytes: Buffer): void {
    const message = readServerMessage(bytes);
    if (!message) this.#options.log.warn('upstream_message_ignored', { length: bytes.length });
    else if (message.kind === 'response') {
      const pending = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      pending?.resolve(message);
    } else if (message.kind === 'request') this.#refuse(message.method, message.id);
    else if (message.method === 'notifications/progress') this.#progress(message.bytes);
    else this.#options.onNotification(message.method, message.bytes);
  }

  /** We announced no capability to the server, so all it may ask of us is a ping. */
  #refuse(method: string, id: string): void {
    const text = `this client does not offer ${method}`;
    const body =
      method === 'ping' ? resultBytes(id, {}) : errorBytes(id, CODE.methodNotFound, text);
    void this.#options.wire.answer(body);
  }

  #progress(bytes: Buffer): void {
    const span = paramSpan(bytes, 'progressToken');
    const pending = span && this.#pending.get(Number(bytes.toString('utf8', span.start, span.end)));
    const value = pending?.outgoing.progressToken;
    if (!span || value === undefined) return;
    pending?.outgoing.onMessage?.(splice(bytes, [{ span, value }]));
  }

  #silent(method: string): Trouble {
    const { address } = this.#options.remote;
    return new Trouble(
      'upstream_lost',
      `the MCP server at ${address} ended its answer to ${method} without a result`,
    );
  }
}
