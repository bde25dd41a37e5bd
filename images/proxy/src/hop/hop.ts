/**
 * The loopback listener that the official server takes for Dremio. Only a child's own credential opens it, only
 * for the paths that the server needs.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorText, type Logger } from '../../../kit/src/logger.ts';
import { Admission } from './admission.ts';
import type { Exchange, HopAnswer } from './exchange.ts';
import { matchRoute } from './routes.ts';

export interface HopOptions {
  readonly exchange: Exchange;
  readonly log: Logger;
  /** Called once per request; `pattern` is a route's or "other". */
  onAnswer(pattern: string, status: number, seconds: number): void;
}

export interface Hop {
  readonly port: number;
  /** Lets one more child in. */
  admit(): { url: string; credential: string; revoke(): void };
  close(): Promise<void>;
}

/** A statement larger than this is none. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const MAX_REASON = 500;

/** A reason phrase as HTTP/1.1 allows it (RFC 9112 section 4), for clients that read it as Latin-1. */
const phrase = (text: string) => text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, MAX_REASON);

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request) {
    length += (piece as Buffer).length;
    if (length > MAX_BODY_BYTES) return undefined;
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces);
}

function answer(response: ServerResponse, { status, reason, contentType, body }: HopAnswer): void {
  const headers = {
    'content-type': contentType || 'application/octet-stream',
    'content-length': body.length,
  };
  if (reason) response.writeHead(status, phrase(reason), headers);
  else response.writeHead(status, headers);
  response.end(body);
}

export async function startHop({ exchange, log, onAnswer }: HopOptions): Promise<Hop> {
  const admission = new Admission();
  const refuse = (response: ServerResponse, status: number, reason: string) => {
    const body = Buffer.from(JSON.stringify({ errorMessage: reason, moreInfo: '' }));
    answer(response, { status, reason, contentType: 'application/json', body });
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<string> => {
    if (!admission.allows(request.headers.authorization)) {
      log.warn('hop_refused', { why: 'credential' });
      refuse(response, 401, 'Unauthorized: not the credential of a running child');
      return 'other';
    }
    const { method = '', url = '' } = request;
    const match = matchRoute(method, url);
    if (!match) {
      log.warn('hop_refused', { why: 'path', method, path: url.split('?')[0]?.slice(0, 200) });
      refuse(response, 403, 'this proxy does not pass this request on to Dremio');
      return 'other';
    }
    const { route, query } = match;
    const body = await readBody(request);
    if (body === undefined) {
      refuse(response, 413, `a request to Dremio has at most ${MAX_BODY_BYTES} bytes`);
      return route.pattern;
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const contentType = request.headers['content-type'];
    const result = await exchange.run(
      {
        method: route.method,
        target: url,
        ...(contentType === undefined ? {} : { contentType }),
        ...(body.length === 0 ? {} : { body }),
        ...(query === undefined ? {} : { query }),
      },
      gone.signal,
    );
    answer(response, result);
    return route.pattern;
  };

  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const start = performance.now();
    serve(request, response).then(
      (pattern) => onAnswer(pattern, response.statusCode, (performance.now() - start) / 1000),
      (error: unknown) => {
        log.error('hop_failed', { error: errorText(error) });
        if (response.headersSent) response.destroy();
        else refuse(response, 500, 'the proxy failed at this request');
        onAnswer('other', 500, (performance.now() - start) / 1000);
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    admit: () => ({ url: `http://127.0.0.1:${port}`, ...admission.admit() }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
