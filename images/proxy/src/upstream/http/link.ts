/**
 * One session with a remote MCP server, shared by all clients: its handshake, the requests that wait for it, and
 * what it sends on its own account. Ids are the session's own count, so equal ids of different clients never meet.
 */
import type { Clock } from '../../../../kit/src/clock.ts';
import type { Logger } from '../../../../kit/src/logger.ts';
import { isLegacyVersion, LEGACY_VERSIONS } from '../../era/versions.ts';
import { CODE, errorBytes, type JsonObject, resultBytes } from '../../jsonrpc/message.ts';
import { splice } from '../../jsonrpc/scan.ts';
import {
  idOfOversize,
  paramSpan,
  readServerMessage,
  type ServerResponse,
} from '../../jsonrpc/server-message.ts';
import { readHandshake, readToolNames } from '../handshake.ts';
import type { Handshake, Pieces } from '../upstream.ts';
import { contentType, type Incoming, readBeginning, readJson } from './incoming.ts';
import { hearOwnStream, type Resumption, resume } from './listening.ts';
import type { Remote, RemoteResponse } from './remote.ts';
import { Trouble, troubleOf } from './trouble.ts';

export interface LinkOptions {
  readonly remote: Remote;
  readonly generation: number;
  readonly clientInfo: JsonObject;
  readonly messageLimit: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes credentials out of what the server sends. */
  clean(bytes: Buffer): Buffer;
  /** A notification that belongs to no request. */
  onNotification(method: string, bytes: Buffer): void;
  /** The server has forgotten the session, or its own stream ended: a look at it is due. */
  onSuspicion(trouble: Trouble): void;
}

/** A request on its way. */
export interface Outgoing {
  readonly method: string;
  /** The message for the id that it gets; the server sees nothing when this throws. */
  build(id: number): Pieces;
  /** JSON text of the client's progress token. */
  readonly progressToken?: string | undefined;
  onMessage?(message: Pieces): void;
  readonly signal: AbortSignal;
}

interface Pending {
  readonly progressToken: string | undefined;
  onMessage(message: Pieces): void;
  resolve(response: ServerResponse): void;
  reject(trouble: Trouble): void;
}

/** The revision that servers are asked for: the newest with a handshake. */
const NEWEST_HANDSHAKE = LEGACY_VERSIONS.at(-1);
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/;
const MAX_TOOL_PAGES = 20;
/** A stream that the server leaves open behind its answer is closed after this. */
const LINGER_MS = 1_000;
const NOTE_MS = 5_000;
const GOODBYE_MS = 1_000;
const LONGEST_SAYING = 300;

export class Link {
  readonly generation: number;
  handshake: Handshake = { protocolVersion: '', capabilities: {}, serverInfo: {} };
  tools: ReadonlySet<string> = new Set();
  readonly #options: LinkOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #closed = new AbortController();
  #nextId = 1;
  #session: string | undefined;
  #version: string | undefined;

  private constructor(options: LinkOptions) {
    this.#options = options;
    this.generation = options.generation;
  }

  /** @throws Trouble, or the signal's reason */
  static async open(options: LinkOptions, signal: AbortSignal): Promise<Link> {
    const link = new Link(options);
    await link.#open(signal);
    return link;
  }

  /** False for servers that keep no session. */
  get hasSession(): boolean {
    return this.#session !== undefined;
  }

  /** Sends a request. @throws Trouble when it gets no answer, the signal's reason when it is given up */
  request(outgoing: Outgoing): Promise<ServerResponse> {
    return this.#request(outgoing, () => {});
  }

  /** @throws Trouble when the server does not answer a ping within the signal */
  async ping(signal: AbortSignal): Promise<void> {
    await this.#request({ method: 'ping', build: plain('ping'), signal }, () => {});
  }

  /** Names of the tools. @throws Trouble */
  async listTools(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const names = new Set<string>();
    if (this.handshake.capabilities.tools === undefined) return names;
    let cursor: string | undefined;
    for (let page = 0; page < MAX_TOOL_PAGES; page++) {
      const params = cursor === undefined ? {} : { cursor };
      const { tools, next } = readToolNames(await this.#ask('tools/list', params, signal));
      for (const name of tools) names.add(name);
      if (next === undefined) break;
      cursor = next;
    }
    return names;
  }

  /** Ends the session, also at the server; never rejects. */
  async close(): Promise<void> {
    this.#closed.abort();
    if (this.#session === undefined) return;
    await this.#send('DELETE', 'end', undefined, AbortSignal.timeout(GOODBYE_MS))
      .then(discard)
      .catch(() => {});
  }

  /** No longer used: the server has forgotten it. */
  forget(): void {
    this.#closed.abort();
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { clientInfo, remote, log } = this.#options;
    const params = { protocolVersion: NEWEST_HANDSHAKE, capabilities: {}, clientInfo };
    const start = performance.now();
    let session: string | undefined;
    const result = await this.#ask('initialize', params, signal, ({ headers }) => {
      const given = headers['mcp-session-id'];
      if (typeof given === 'string' && SESSION_ID.test(given)) session = given;
    });
    this.handshake = unwell(remote, () => readHandshake(result));
    const { protocolVersion } = this.handshake;
    if (!isLegacyVersion(protocolVersion))
      throw new Trouble(
        'upstream_unwell',
        `the MCP server at ${remote.address} speaks revision ${protocolVersion.slice(0, 40)}; known are ${LEGACY_VERSIONS.join(', ')}`,
      );
    this.#session = session;
    this.#version = protocolVersion;
    await this.#note('notifications/initialized', undefined, signal);
    this.tools = await this.listTools(signal);
    log.info('upstream_ready', {
      generation: this.generation,
      ms: Math.round(performance.now() - start),
      protocol: protocolVersion,
      session: this.hasSession,
      tools: [...this.tools],
    });
    void hearOwnStream({
      ...this.#resumption(this.#closed.signal),
      onSuspicion: (trouble) => this.#options.onSuspicion(trouble),
    });
  }

  async #request(
    outgoing: Outgoing,
    onResponse: (response: RemoteResponse) => void,
  ): Promise<ServerResponse> {
    const { signal, onMessage = () => {}, progressToken } = outgoing;
    signal.throwIfAborted();
    const id = this.#nextId++;
    const body = outgoing.build(id);
    const over = new AbortController();
    const result = new Promise<ServerResponse>((resolve, reject) => {
      this.#pending.set(id, { progressToken, onMessage, resolve, reject });
      signal.addEventListener('abort', () => reject(signal.reason), { signal: over.signal });
      const carried = this.#carry(id, outgoing.method, body, onResponse, over.signal);
      carried.then(() => reject(this.#silent(outgoing.method)), reject);
      void carried.catch(() => {}).finally(() => over.abort());
    });
    try {
      return await result;
    } catch (error) {
      // The one request that must not be cancelled.
      if (signal.aborted && outgoing.method !== 'initialize')
        void this.#note('notifications/cancelled', { requestId: id }).catch(() => {});
      over.abort();
      throw error;
    } finally {
      this.#pending.delete(id);
      if (!over.signal.aborted) setTimeout(() => over.abort(), LINGER_MS).unref();
    }
  }

  /** Posts the request and reads whatever comes back, until no more can come. */
  async #carry(
    id: number,
    method: string,
    body: Pieces,
    onResponse: (response: RemoteResponse) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const response = await this.#send('POST', method, body, signal);
    onResponse(response);
    const incoming = this.#incoming(id);
    switch (contentType(response)) {
      case 'application/json':
        return readJson(response, incoming).catch((error: unknown) => {
          throw signal.aborted ? signal.reason : this.#options.remote.trouble(error);
        });
      case 'text/event-stream':
        return resume(response, incoming, {
          ...this.#resumption(signal),
          waiting: () => this.#pending.has(id),
        });
      default:
        discard(response);
        throw new Trouble(
          'upstream_unwell',
          `the MCP server at ${this.#options.remote.address} answers ${method} with ${response.statusCode} and ${contentType(response) || 'no content type'}, which is not MCP: UPSTREAM_URL may be wrong`,
        );
    }
  }

  /** @throws Trouble for every status but success */
  async #send(
    method: 'POST' | 'GET' | 'DELETE',
    label: string,
    body: Pieces | undefined,
    signal: AbortSignal,
    lastEventId?: string,
  ): Promise<RemoteResponse> {
    const { remote, clock, clean } = this.#options;
    const response = await remote.send({
      method,
      label,
      signal,
      lastEventId,
      session: this.#session,
      version: this.#version,
      ...(body === undefined ? {} : { body }),
    });
    const { statusCode: status, headers } = response;
    if (status >= 200 && status < 300) return response;
    // Twice the size, since what is cut off may be the rest of a credential.
    const said = await readBeginning(response, 4 * LONGEST_SAYING);
    throw troubleOf({
      status,
      retryAfter: typeof headers['retry-after'] === 'string' ? headers['retry-after'] : undefined,
      text: saying(contentType(response), clean(Buffer.from(said)).toString('utf8')),
      inSession: this.#session !== undefined,
      address: remote.address,
      now: clock.now(),
    });
  }

  /** Tells the server something. @throws Trouble when it does not take it */
  async #note(
    method: string,
    params?: JsonObject,
    signal = AbortSignal.timeout(NOTE_MS),
  ): Promise<void> {
    const message = { jsonrpc: '2.0', method, ...(params ? { params } : {}) };
    const body = [Buffer.from(JSON.stringify(message))];
    discard(await this.#send('POST', method, body, signal));
  }

  async #ask(
    method: string,
    params: JsonObject,
    signal: AbortSignal,
    onResponse: (response: RemoteResponse) => void = () => {},
  ): Promise<unknown> {
    const response = await this.#request(
      { method, build: plain(method, params), signal },
      onResponse,
    );
    return unwell(this.#options.remote, () => {
      const { result, error } = JSON.parse(response.bytes.toString('utf8')) as {
        result?: unknown;
        error?: { message?: unknown };
      };
      if (error) throw new Error(`refuses ${method}: ${String(error.message).slice(0, 300)}`);
      return result;
    });
  }

  #resumption(signal: AbortSignal): Resumption {
    return {
      signal,
      clock: this.#options.clock,
      remote: this.#options.remote,
      incoming: this.#incoming(undefined),
      open: (lastEventId, label) => this.#send('GET', label, undefined, signal, lastEventId),
    };
  }

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
    this.#send('POST', 'answer', [body], AbortSignal.timeout(NOTE_MS))
      .then(discard)
      .catch(() => {});
  }

  #progress(bytes: Buffer): void {
    const span = paramSpan(bytes, 'progressToken');
    const pending = span && this.#pending.get(Number(bytes.toString('utf8', span.start, span.end)));
    if (!span || pending?.progressToken === undefined) return;
    pending.onMessage(splice(bytes, [{ span, value: pending.progressToken }]));
  }

  #silent(method: string): Trouble {
    const { address } = this.#options.remote;
    return new Trouble(
      'upstream_lost',
      `the MCP server at ${address} ended its answer to ${method} without a result`,
    );
  }
}

const plain =
  (method: string, params?: JsonObject) =>
  (id: number): Pieces => [
    Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, ...(params ? { params } : {}) })),
  ];

function discard(response: RemoteResponse): void {
  // Reads a short rest, so that the connection can be used again; closes it for a long one.
  response.body.dump().catch(() => {});
}

/** What is wrong with an answer, as a trouble of the server. */
function unwell<T>({ address }: Remote, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new Trouble('upstream_unwell', `the MCP server at ${address}: ${what}`);
  }
}

/** The words of a JSON-RPC or other error body; nothing of a web page. */
function saying(type: string, text: string): string {
  if (type === 'text/html') return '';
  let words = text;
  try {
    const body = JSON.parse(text) as { error?: { message?: unknown } | string; message?: unknown };
    const inner = typeof body.error === 'object' ? body.error.message : body.error;
    words = [inner, body.message].find((word): word is string => typeof word === 'string') ?? '';
  } catch {
    // Plain text, or JSON that was cut off.
  }
  return words.replace(/\s+/g, ' ').trim().slice(0, LONGEST_SAYING);
}
