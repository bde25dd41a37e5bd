/** One HTTP call to Dremio, with bounded time and size. */
import { Client } from 'undici';
import type { Clock } from '../../kit/src/clock.ts';
import type { Answer } from './core/answer.ts';
import { CaFileError } from './core/fault.ts';

export interface HttpOptions {
  /** Address of Dremio; a path in it is put before that of each call. */
  url: URL;
  /** Gives the certificates in PEM that are trusted instead of Node's own set; read for each call. */
  ca?: (() => Promise<string>) | undefined;
  clock: Clock;
  limits?: Partial<Limits>;
}

/** Bounds on one call, in ms and bytes. */
export interface Limits {
  connectMs: number;
  /** A login may take long on a busy Dremio. */
  loginMs: number;
  /** Every other call. */
  probeMs: number;
  /** A login answer is about 1 KiB. */
  bodyBytes: number;
}

export const LIMITS: Limits = {
  connectMs: 10_000,
  loginMs: 30_000,
  probeMs: 5_000,
  bodyBytes: 64 * 1024,
};

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Begins with a slash. */
  path: string;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  timeoutMs: number;
  signal: AbortSignal;
}

/** Returns a function that makes a call; it rejects when there is no whole answer in time, or `signal` aborts. */
export function createHttp(options: HttpOptions): (call: Call) => Promise<Answer> {
  const { url, clock } = options;
  const { connectMs, bodyBytes } = { ...LIMITS, ...options.limits };
  const base = url.pathname.replace(/\/+$/, '');

  return async ({ method, path, headers, body, timeoutMs, signal }) => {
    const ca = await options.ca?.().catch((error: unknown) => {
      throw new CaFileError(error);
    });
    // A connection for each call: calls are rare, and none meets a socket that died meanwhile.
    const client = new Client(url.origin, {
      pipelining: 0,
      allowH2: false,
      maxResponseSize: bodyBytes,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connect: { timeout: connectMs, ...(ca === undefined ? {} : { ca }) },
    });
    try {
      const sentAt = clock.now();
      const response = await client.request({
        method,
        path: base + path,
        headers: {
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      const text = await response.body.text();
      const received: Record<string, string | undefined> = {};
      for (const [name, value] of Object.entries(response.headers))
        received[name] = Array.isArray(value) ? value[0] : value;
      return {
        status: response.statusCode,
        headers: received,
        body: text,
        sentAt,
        receivedAt: clock.now(),
      };
    } finally {
      client.destroy().catch(() => {});
    }
  };
}
