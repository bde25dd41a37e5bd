/** One session with a remote MCP server, shared by all clients: opened, asked, heard, ended. */
import { isLegacyVersion, LEGACY_VERSIONS } from '../../era/versions.ts';
import type { JsonObject } from '../../jsonrpc/message.ts';
import type { ServerResponse } from '../../jsonrpc/server-message.ts';
import { readHandshake, readToolNames } from '../handshake.ts';
import type { Handshake, Pieces } from '../upstream.ts';
import { hearOwnStream } from './listening.ts';
import type { RemoteResponse } from './remote.ts';
import { type Outgoing, Requests, type RequestsOptions } from './requests.ts';
import { Trouble } from './trouble.ts';
import { Wire } from './wire.ts';

export interface LinkOptions extends Omit<RequestsOptions, 'wire'> {
  readonly generation: number;
  readonly clientInfo: JsonObject;
  /** The server has forgotten the session, or its own stream ended: a look at it is due. */
  onSuspicion(trouble: Trouble): void;
}

/** The revision that servers are asked for: the newest with a handshake. */
const NEWEST_HANDSHAKE = LEGACY_VERSIONS.at(-1);
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/;
const MAX_TOOL_PAGES = 20;

export class Link {
  readonly generation: number;
  handshake: Handshake = { protocolVersion: '', capabilities: {}, serverInfo: {} };
  tools: ReadonlySet<string> = new Set();
  readonly #options: LinkOptions;
  readonly #wire: Wire;
  readonly #requests: Requests;
  readonly #closed = new AbortController();

  private constructor(options: LinkOptions) {
    this.#options = options;
    this.generation = options.generation;
    this.#wire = new Wire(options);
    this.#requests = new Requests({ ...options, wire: this.#wire });
  }

  /** @throws Trouble, or the signal's reason */
  static async open(options: LinkOptions, signal: AbortSignal): Promise<Link> {
    const link = new Link(options);
    await link.#open(signal);
    return link;
  }

  /** False for servers that keep no session. */
  get hasSession(): boolean {
    return this.#wire.hasSession;
  }

  /** Sends a request. @throws Trouble when it gets no answer, the signal's reason when it is given up */
  request(outgoing: Outgoing): Promise<ServerResponse> {
    return this.#requests.send(outgoing);
  }

  /** @throws Trouble when the server does not answer a ping within the signal */
  async ping(signal: AbortSignal): Promise<void> {
    await this.request({ method: 'ping', build: plain('ping'), signal });
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
    await this.#wire.end();
  }

  /** No longer used: the server has forgotten it. */
  forget(): void {
    this.#closed.abort();
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { log, generation } = this.#options;
    const start = performance.now();
    await this.#shakeHands(signal);
    await this.#wire.note('notifications/initialized', undefined, signal);
    this.tools = await this.listTools(signal);
    log.info('upstream_ready', {
      generation,
      ms: Math.round(performance.now() - start),
      protocol: this.handshake.protocolVersion,
      session: this.hasSession,
      tools: [...this.tools],
    });
    void hearOwnStream({
      ...this.#requests.resumption(this.#closed.signal),
      onSuspicion: (trouble) => this.#options.onSuspicion(trouble),
    });
  }

  async #shakeHands(signal: AbortSignal): Promise<void> {
    const { clientInfo, remote } = this.#options;
    const params = { protocolVersion: NEWEST_HANDSHAKE, capabilities: {}, clientInfo };
    let session: string | undefined;
    const result = await this.#ask('initialize', params, signal, ({ headers }) => {
      const given = headers['mcp-session-id'];
      if (typeof given === 'string' && SESSION_ID.test(given)) session = given;
    });
    this.handshake = this.#read(() => readHandshake(result));
    const { protocolVersion } = this.handshake;
    if (!isLegacyVersion(protocolVersion))
      throw new Trouble(
        'upstream_unwell',
        `the MCP server at ${remote.address} speaks revision ${protocolVersion.slice(0, 40)}; known are ${LEGACY_VERSIONS.join(', ')}`,
      );
    this.#wire.begin(session, protocolVersion);
  }

  async #ask(
    method: string,
    params: JsonObject,
    signal: AbortSignal,
    onResponse: (response: RemoteResponse) => void = () => {},
  ): Promise<unknown> {
    const { bytes } = await this.request({
      method,
      build: plain(method, params),
      signal,
      onResponse,
    });
    return this.#read(() => {
      const { result, error } = JSON.parse(bytes.toString('utf8')) as {
        result?: unknown;
        error?: { message?: unknown };
      };
      if (error) throw new Error(`refuses ${method}: ${String(error.message).slice(0, 300)}`);
      return result;
    });
  }

  /** What cannot be read in an answer is a trouble of the server. */
  #read<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw new Trouble(
        'upstream_unwell',
        `the MCP server at ${this.#options.remote.address}: ${what}`,
      );
    }
  }
}

const plain =
  (method: string, params?: JsonObject) =>
  (id: number): Pieces => [
    Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, ...(params ? { params } : {}) })),
  ];
