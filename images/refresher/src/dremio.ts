/** The two calls to Dremio that the refresher needs, over HTTP with bounded time and size. */
import { Client } from 'undici';
import type { Clock } from '../../kit/src/clock.ts';
import {
  type Answer,
  type LoginResult,
  type ProbeOutcome,
  readLogin,
  readProbe,
} from './answer.ts';
import { readFault } from './fault.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Dremio {
  /** Logs in with `POST /apiv2/login`; every failure is a result. Rejects only when `signal` aborts. */
  login(credentials: Credentials, signal: AbortSignal): Promise<LoginResult>;
  /** Asks with `GET /apiv2/login` whether a token still works. Rejects only when `signal` aborts. */
  probe(token: string, signal: AbortSignal): Promise<ProbeOutcome>;
}

export interface DremioOptions {
  /** Address of Dremio; a path in it is put before `/apiv2`. */
  url: URL;
  /** Certificates in PEM that are trusted instead of Node's own set. */
  ca?: string | undefined;
  clock: Clock;
  limits?: Partial<Limits>;
}

/** Bounds on one call, in ms and bytes. */
export interface Limits {
  connectMs: number;
  loginMs: number;
  probeMs: number;
  bodyBytes: number;
}

/** A login may take long on a busy Dremio; a login answer is about 1 KiB. */
export const LIMITS: Limits = {
  connectMs: 10_000,
  loginMs: 30_000,
  probeMs: 5_000,
  bodyBytes: 64 * 1024,
};

interface Call {
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
  timeoutMs: number;
  signal: AbortSignal;
}

export function connectDremio(options: DremioOptions): Dremio {
  const { url, clock } = options;
  const limits = { ...LIMITS, ...options.limits };
  const path = `${url.pathname.replace(/\/+$/, '')}/apiv2/login`;

  async function call({ timeoutMs, signal, ...request }: Call): Promise<Answer> {
    // A connection for each call: calls are rare, and none meets a socket that died meanwhile.
    const client = new Client(url.origin, {
      pipelining: 0,
      allowH2: false,
      maxResponseSize: limits.bodyBytes,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connect: { timeout: limits.connectMs, ...(options.ca ? { ca: options.ca } : {}) },
    });
    try {
      const sentAt = clock.now();
      const response = await client.request({
        ...request,
        path,
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      const body = await response.body.text();
      const headers: Record<string, string | undefined> = {};
      for (const [name, value] of Object.entries(response.headers))
        headers[name] = Array.isArray(value) ? value[0] : value;
      return { status: response.statusCode, headers, body, sentAt, receivedAt: clock.now() };
    } finally {
      client.destroy().catch(() => {});
    }
  }

  return {
    async login({ username, password }, signal) {
      try {
        const answer = await call({
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json' },
          body: JSON.stringify({ userName: username, password }),
          timeoutMs: limits.loginMs,
          signal,
        });
        return readLogin(answer);
      } catch (error) {
        signal.throwIfAborted();
        return { ok: false, failure: readFault(error, url.origin) };
      }
    },
    async probe(token, signal) {
      try {
        const answer = await call({
          method: 'GET',
          headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
          timeoutMs: limits.probeMs,
          signal,
        });
        return readProbe(answer);
      } catch (error) {
        signal.throwIfAborted();
        const { class: kind } = readFault(error, url.origin);
        return kind === 'dremio_unreachable' ? 'unreachable' : 'unexpected';
      }
    },
  };
}
