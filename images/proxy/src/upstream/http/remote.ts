/** HTTP towards a remote MCP server: keep-alive, verified TLS, no redirects, our headers and its Host. */
import { isIP } from 'node:net';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import { errorText } from '../../../../kit/src/logger.ts';
import { isUntrusted, trustedAuthorities } from '../../hop/authorities.ts';
import type { Pieces } from '../upstream.ts';
import type { Headers } from './headers-file.ts';
import { Trouble } from './trouble.ts';

export interface RemoteOptions {
  readonly url: URL;
  /** Certificates as PEM text; undefined = the public ones and the system's. */
  readonly authorities: string | undefined;
  /** The Host header; undefined = that of the address. */
  readonly host: string | undefined;
  /** Headers of every request, as they are now. */
  headers(): Headers;
  /** Most connections at once; each request that waits holds one. */
  readonly connections: number;
  onAnswer(label: string, status: string, seconds: number): void;
}

export interface RemoteRequest {
  readonly method: 'POST' | 'GET' | 'DELETE';
  /** What metrics call it. */
  readonly label: string;
  readonly body?: Pieces;
  readonly session: string | undefined;
  readonly version: string | undefined;
  readonly lastEventId?: string | undefined;
  readonly signal: AbortSignal;
}

export type RemoteResponse = Dispatcher.ResponseData;

const CONNECT_MS = 10_000;
/** Errors before there is a connection: the server has seen nothing of the request. */
const BEFORE: ReadonlySet<string | undefined> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
]);

export class Remote {
  /** The address for people: without a query, which may hold a secret. */
  readonly address: string;
  readonly #options: RemoteOptions;
  readonly #pool: Pool;
  readonly #path: string;

  constructor(options: RemoteOptions) {
    const { url, authorities, connections } = options;
    this.#options = options;
    this.address = url.origin + url.pathname;
    this.#path = url.pathname + url.search;
    const secure = url.protocol === 'https:';
    const connect = buildConnector({
      timeout: CONNECT_MS,
      ...(secure ? { ca: trustedAuthorities(authorities) } : {}),
    });
    const name = url.hostname.replace(/^\[|\]$/g, '');
    this.#pool = new Pool(url.origin, {
      connections,
      pipelining: 1,
      // The certificate must name the server that is asked, whatever the Host header says.
      connect: ({ servername: _fromHost, ...given }, done) =>
        connect(isIP(name) ? given : { ...given, servername: name }, done),
      // The caller's signal bounds the time; these would add a second, hidden limit.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** @throws Trouble when there is no answer; the signal's reason when it aborts. */
  async send(request: RemoteRequest): Promise<RemoteResponse> {
    const { label, signal, body, session, version, lastEventId } = request;
    const { onAnswer, host, headers } = this.#options;
    const start = performance.now();
    const ended = (status: string) => onAnswer(label, status, (performance.now() - start) / 1000);
    try {
      const response = await this.#pool.request({
        method: request.method,
        path: this.#path,
        signal,
        headers: {
          ...headers(),
          ...(host === undefined ? {} : { host }),
          accept:
            request.method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
          // A compressed answer could be far larger than what was counted.
          'accept-encoding': 'identity',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(session === undefined ? {} : { 'mcp-session-id': session }),
          ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
          ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
        },
        ...(body === undefined ? {} : { body: body.length === 1 ? body[0] : Buffer.concat(body) }),
      });
      ended(String(response.statusCode));
      return response;
    } catch (error) {
      if (signal.aborted) {
        ended('aborted');
        throw signal.reason;
      }
      const trouble = this.trouble(error);
      ended(trouble.undelivered ? 'unreachable' : 'lost');
      throw trouble;
    }
  }

  /** An error of the connection in words. */
  trouble(error: unknown): Trouble {
    if (error instanceof Trouble) return error;
    if (isUntrusted(error))
      return new Trouble(
        'upstream_unreachable',
        `the certificate of the MCP server at ${this.address} is not trusted (UPSTREAM_CA_FILE names its authority): ${errorText(error)}`,
        { undelivered: true },
      );
    if (BEFORE.has((error as NodeJS.ErrnoException | undefined)?.code))
      return new Trouble(
        'upstream_unreachable',
        `the MCP server at ${this.address} cannot be reached: ${errorText(error)}`,
        { undelivered: true },
      );
    return new Trouble(
      'upstream_lost',
      `the connection to the MCP server at ${this.address} was lost: ${errorText(error)}`,
    );
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
