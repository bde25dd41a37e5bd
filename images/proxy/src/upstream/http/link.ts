/** One session with a remote MCP server, shared by all clients: opened, asked, heard, ended. */
import { isLegacyVersion, LEGACY_VERSIONS } from '../../era/versions.ts';
import type { JsonObject } from '../../jsonrpc/message.ts';
import type { ServerResponse } from '../../jsonrpc/server-message.ts';
import { Catalogue } from '../catalogue.ts';
import { readHandshake } from '../handshake.ts';
import { catalogueDigest } from '../tool-digests.ts';
import type { Handshake, Pieces } from '../upstream.ts';
import { hearOwnStream } from './listening.ts';
import type { RemoteResponse } from './remote.ts';
import { type Outgoing, Requests, type RequestsOptions } from './requests.ts';
import { readFrom, resultOf } from './result.ts';
import { ToolInputs } from './tool-inputs.ts';
import { Trouble } from './trouble.ts';
import { Wire } from './wire.ts';

export interface LinkOptions extends Omit<RequestsOptions, 'wire'> {
  readonly generation: number;
  readonly clientInfo: JsonObject;
  /** Changes of its lists may have been missed. */
  onGap(): void;
  /** The server has forgotten the session, or its own stream was cut: a look at it is due. */
  onSuspicion(trouble: Trouble): void;
}

/** The revision that servers are asked for: the newest with a handshake. */
const NEWEST_HANDSHAKE = LEGACY_VERSIONS.at(-1);
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/;
/** How long a list holds that the server would not say had changed. */
const LIST_LIFE_MS = 60_000;

export class Link {
  readonly generation: number;
  handshake: Handshake = { protocolVersion: '', capabilities: {}, serverInfo: {} };
  tools = new ToolInputs();
  readonly catalogue: Catalogue;
  readonly #options: LinkOptions;
  readonly #wire: Wire;
  readonly #requests: Requests;
  readonly #closed = new AbortController();
  /** Whether its own stream is open, and ever was. */
  #hears = false;
  #heard = false;
  #readings = 0;

  private constructor(options: LinkOptions) {
    this.#options = options;
    this.generation = options.generation;
    this.#wire = new Wire(options);
    this.#requests = new Requests({ ...options, wire: this.#wire });
    this.catalogue = new Catalogue({
      now: () => options.clock.now(),
      lifeOf: (method) => (this.#tellsOf(method) ? Number.POSITIVE_INFINITY : LIST_LIFE_MS),
    });
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
  async request(outgoing: Outgoing): Promise<ServerResponse> {
    const response = await this.#requests.send(outgoing);
    // No client knows a tool whose list did not come by here.
    if (outgoing.method === 'tools/list' && !response.failed)
      this.tools.learn(resultOf('tools/list', response, this.#options.remote));
    return response;
  }

  /** True when the server has what this method is about. */
  offers(method: string): boolean {
    return this.#capability(method) !== undefined;
  }

  /** A list from its beginning. @throws Trouble, or the signal's reason */
  list(method: string, signal: AbortSignal): Promise<ServerResponse> {
    return this.request({ method, build: plain(method), signal });
  }

  /** @throws Trouble when the server does not answer a ping within the signal */
  async ping(signal: AbortSignal): Promise<void> {
    await this.request({ method: 'ping', build: plain('ping'), signal });
  }

  /** Reads all pages of the tools anew. @throws Trouble, or the signal's reason */
  async readTools(signal: AbortSignal): Promise<void> {
    if (!this.offers('tools/list')) return;
    const reading = ++this.#readings;
    const tools = await ToolInputs.read((params) => this.#ask('tools/list', params, signal));
    // One that began later may have been faster.
    if (reading === this.#readings) this.tools = tools;
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
    await this.readTools(signal);
    log.info('upstream_ready', {
      generation,
      ms: Math.round(performance.now() - start),
      protocol: this.handshake.protocolVersion,
      session: this.hasSession,
      tools: this.tools.names,
      tools_digest: catalogueDigest(this.tools.digests),
    });
    void hearOwnStream({
      ...this.#requests.resumption(this.#closed.signal),
      onOpen: (whole) => this.#listening(whole),
      onEnd: () => {
        this.#hears = false;
      },
      onSuspicion: (trouble) => this.#options.onSuspicion(trouble),
    });
  }

  #listening(whole: boolean): void {
    this.#hears = true;
    if (!whole) this.catalogue.clear();
    if (!whole && this.#heard) this.#options.onGap();
    this.#heard = true;
  }

  #capability(method: string): unknown {
    const [kind = ''] = method.split('/');
    return this.handshake.capabilities[kind];
  }

  /** Whether the server would say that this list changed, and be heard. */
  #tellsOf(method: string): boolean {
    const capability = this.#capability(method) as { listChanged?: unknown } | null | undefined;
    return this.#hears && capability?.listChanged === true;
  }

  async #shakeHands(signal: AbortSignal): Promise<void> {
    const { clientInfo, remote } = this.#options;
    const params = { protocolVersion: NEWEST_HANDSHAKE, capabilities: {}, clientInfo };
    let session: string | undefined;
    const result = await this.#ask('initialize', params, signal, ({ headers }) => {
      const given = headers['mcp-session-id'];
      if (typeof given === 'string' && SESSION_ID.test(given)) session = given;
    });
    this.handshake = readFrom(remote, () => readHandshake(result));
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
    const build = plain(method, params);
    const response = await this.#requests.send({ method, build, signal, onResponse });
    return resultOf(method, response, this.#options.remote);
  }
}

const plain =
  (method: string, params?: JsonObject) =>
  (id: number): Pieces => [
    Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, ...(params ? { params } : {}) })),
  ];
