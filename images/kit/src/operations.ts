/**
 * The operations port: `/livez` this process works, `/readyz` a call would succeed now, `/startupz` 503 until
 * ready once and then as `/livez`, `/metrics` in Prometheus text. Answers carry reasons, never secrets.
 *
 * On Swarm, which kills what is unhealthy, `/startupz` is the health check: an update that never works is rolled back,
 * and what worked once outlives any trouble of others.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { errorText, type Logger } from './logger.ts';

/** Why something is not well: a code for machines and a sentence for people. */
export interface Reason {
  /** snake_case, stable. */
  readonly code: string;
  readonly message: string;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface OperationsOptions {
  /** TCP port; 0 picks a free one. */
  port: number;
  /** Address to listen on; all interfaces when left out. */
  host?: string;
  /** Reasons why this process does not work; empty = live. */
  live(): readonly Reason[];
  /** Reasons why a call would fail now; empty = ready. */
  ready(): readonly Reason[];
  /** True when another start would mend nothing and do harm, so that `/startupz` waits for readiness no longer. */
  beyondRestart?(): boolean;
  registry: Registry;
  /** More routes, by exact path, without the query. */
  routes?: Readonly<Record<string, Handler>>;
  log: Logger;
}

export interface Operations {
  readonly port: number;
  close(): Promise<void>;
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}

function sendHealth(response: ServerResponse, reasons: readonly Reason[]): void {
  const ok = reasons.length === 0;
  sendJson(response, ok ? 200 : 503, { status: ok ? 'ok' : 'unavailable', reasons });
}

/** How often readiness is looked at until it was there once: it may be short, and probes are far apart. */
const START_CHECK_MS = 1_000;

export async function startOperations(options: OperationsOptions): Promise<Operations> {
  const { live, ready, registry, log, beyondRestart = () => false } = options;
  let started = false;
  const hasStarted = () => {
    started ||= ready().length === 0 || beyondRestart();
    if (started) clearInterval(watch);
    return started;
  };
  const watch = setInterval(hasStarted, START_CHECK_MS).unref();
  const routes: Record<string, Handler> = {
    '/livez': (_, response) => sendHealth(response, live()),
    '/readyz': (_, response) => sendHealth(response, ready()),
    '/startupz': (_, response) => sendHealth(response, hasStarted() ? live() : ready()),
    '/metrics': async (_, response) => {
      const text = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType });
      response.end(text);
    },
    ...options.routes,
  };
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000 },
    (request, response) => {
      const handler = routes[(request.url ?? '/').split('?')[0] ?? '/'];
      if (!handler) {
        sendJson(response, 404, { status: 'not_found', paths: Object.keys(routes) });
        return;
      }
      Promise.resolve()
        .then(() => handler(request, response))
        .catch((error: unknown) => {
          log.error('operations_failed', { path: request.url, error: errorText(error) });
          if (!response.headersSent) sendJson(response, 500, { status: 'error' });
          else response.destroy();
        });
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((error: unknown) => {
    clearInterval(watch);
    throw error;
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        clearInterval(watch);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
