/** The HTTP client towards Dremio: keep-alive, verified TLS, bounded time and size, no redirects. */
import { Pool } from 'undici';
import { errorText } from '../../../kit/src/logger.ts';
import { isUntrusted, trustedAuthorities } from './authorities.ts';

export interface DremioRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query, below the address of Dremio. */
  readonly target: string;
  readonly token: string;
  readonly contentType?: string;
  readonly body?: Buffer;
  readonly signal: AbortSignal;
  /** Called with each piece of the body; false stops reading. */
  accept(bytes: number): boolean;
}

export interface DremioResponse {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  readonly location: string | undefined;
  readonly body: Buffer;
  /** True when `accept` stopped the body; it is incomplete then. */
  readonly cut: boolean;
}

/** Dremio did not answer; the message says why, in words. */
export class DremioUnreachable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DremioUnreachable';
  }
}

const CONNECT_MS = 10_000;
const CONNECTIONS = 32;

const header = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);

export class Dremio {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #name: string;

  /** @param authorities certificates as PEM text; undefined = the public ones and the system's */
  constructor(url: URL, authorities: string | undefined) {
    this.#name = url.origin;
    this.#prefix = url.pathname.replace(/\/+$/, '');
    this.#pool = new Pool(url.origin, {
      connections: CONNECTIONS,
      pipelining: 1,
      connect: {
        timeout: CONNECT_MS,
        ...(url.protocol === 'https:' ? { ca: trustedAuthorities(authorities) } : {}),
      },
      // The caller's signal bounds the time; these would add a second, hidden limit.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** @throws DremioUnreachable when there is no answer; the signal's reason when it aborts. */
  async send(request: DremioRequest): Promise<DremioResponse> {
    try {
      return await this.#send(request);
    } catch (error) {
      request.signal.throwIfAborted();
      // A kept connection may have been closed under the request; what only reads is safe to repeat.
      const closed = (error as NodeJS.ErrnoException).code === 'UND_ERR_SOCKET';
      if (!closed || request.method !== 'GET') throw this.#unreachable(error);
    }
    try {
      return await this.#send(request);
    } catch (error) {
      request.signal.throwIfAborted();
      throw this.#unreachable(error);
    }
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  #unreachable(error: unknown): DremioUnreachable {
    const what = isUntrusted(error)
      ? `the certificate of Dremio at ${this.#name} is not trusted (DREMIO_CA_FILE names its authority)`
      : `Dremio at ${this.#name} does not answer`;
    return new DremioUnreachable(`${what}: ${errorText(error)}`);
  }

  async #send(request: DremioRequest): Promise<DremioResponse> {
    const { statusCode, headers, body } = await this.#pool.request({
      method: request.method,
      path: this.#prefix + request.target,
      signal: request.signal,
      headers: {
        authorization: `Bearer ${request.token}`,
        accept: 'application/json',
        // A compressed answer could be far larger than what was counted.
        'accept-encoding': 'identity',
        ...(request.contentType === undefined ? {} : { 'content-type': request.contentType }),
      },
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const pieces: Buffer[] = [];
    let cut = false;
    for await (const piece of body) {
      if (!request.accept((piece as Buffer).length)) {
        cut = true;
        break;
      }
      pieces.push(piece as Buffer);
    }
    return {
      status: statusCode,
      contentType: header(headers['content-type']) ?? '',
      retryAfter: header(headers['retry-after']),
      location: header(headers.location),
      body: Buffer.concat(pieces),
      cut,
    };
  }
}
