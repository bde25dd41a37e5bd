/** One request from arrival to log entry: ordered faults, route, first-user rule, token, handler, answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { tokenFromHeader } from '../access/authorization.ts';
import type { TokenCheck, TokenStore } from '../access/tokens.ts';
import type { UserStore } from '../access/users.ts';
import { answerOf, type FaultPlan } from '../control/faults.ts';
import type { RequestEntry } from '../control/request-log.ts';
import { type Answer, empty, failure, Refusal } from './answer.ts';
import { isLoopback } from './loopback.ts';
import { findRoute, type Match, type Route } from './route.ts';

/** A statement or a wiki text is far smaller; anything larger is refused before it fills the memory. */
const MAX_BODY_BYTES = 1024 * 1024;

export interface DispatcherParts {
  readonly routes: readonly Route[];
  readonly users: UserStore;
  readonly tokens: TokenStore;
  readonly faults: FaultPlan;
  readonly now: () => number;
  onRequest(entry: RequestEntry): void;
  /** An error that no handler expected; the client only sees a 500. */
  onError(error: unknown): void;
}

class BodyTooLarge extends Error {}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Answers for requests that reach no handler; undefined when the handler is to run. */
function filtered(
  match: Match,
  check: TokenCheck,
  users: UserStore,
  path: string,
): Answer | undefined {
  switch (match.kind) {
    case 'malformed':
      return failure(400, 'HTTP 400 Bad Request');
    case 'unknown':
      return failure(404, 'HTTP 404 Not Found');
    case 'wrong-method': {
      const refused = failure(405, 'HTTP 405 Method Not Allowed');
      return { ...refused, headers: { ...refused.headers, allow: match.allow.join(', ') } };
    }
    case 'route': {
      const { access } = match.route;
      if (access !== 'open' && users.isEmpty && path.startsWith('/apiv2/'))
        return failure(403, 'No User Available');
      // Dremio's filter sends no body and no WWW-Authenticate (DACAuthFilter.java).
      return access === 'token' && check.state !== 'valid' ? empty(401) : undefined;
    }
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  now: number,
): void {
  if (response.destroyed) return;
  const bytes = Buffer.from(answer.body, 'utf8');
  response.writeHead(answer.status, {
    'cache-control': 'no-cache, no-store',
    // Node would tell the machine's time, and clients take this clock for the one that tokens end by.
    date: new Date(now).toUTCString(),
    ...answer.headers,
    ...(answer.status === 204 ? {} : { 'content-length': bytes.length }),
    // What is left of an unread body would be taken for the next request.
    ...(request.complete ? {} : { connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

export function createDispatcher(parts: DispatcherParts) {
  const { routes, users, tokens, faults, now, onRequest, onError } = parts;
  let seq = 0;

  async function realAnswer(
    request: IncomingMessage,
    url: URL,
    match: Match,
    check: TokenCheck,
  ): Promise<Answer> {
    const refused = filtered(match, check, users, url.pathname);
    if (refused || match.kind !== 'route') return refused ?? failure(404, 'HTTP 404 Not Found');
    try {
      return await match.route.handle({
        method: request.method ?? 'GET',
        params: match.params,
        rest: match.rest,
        query: url.searchParams,
        authorization: request.headers.authorization,
        user: check.userName === undefined ? undefined : users.get(check.userName),
        body: await readBody(request),
        contentType: request.headers['content-type'],
        fromLoopback: isLoopback(request.socket.remoteAddress),
      });
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      if (error instanceof BodyTooLarge)
        return failure(
          413,
          `HTTP 413 Request Entity Too Large: the limit is ${MAX_BODY_BYTES} bytes`,
        );
      throw error;
    }
  }

  async function respond(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    match: Match,
    check: TokenCheck,
  ): Promise<void> {
    const fault = faults.take(request.method ?? 'GET', url.pathname);
    if (fault?.delayMs) await delay(fault.delayMs, undefined, { ref: false });
    if (fault?.connection === 'hang' || response.destroyed) return;
    if (fault?.connection === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    const ordered = fault && answerOf(fault);
    const answer = ordered ?? (await realAnswer(request, url, match, check));
    send(request, response, answer, now());
  }

  return (request: IncomingMessage, response: ServerResponse): void => {
    const started = performance.now();
    const time = now();
    const order = ++seq;
    const method = request.method ?? 'GET';
    const url =
      URL.parse(request.url ?? '/', 'http://dremio.invalid') ?? new URL('http://dremio.invalid/');
    const match = findRoute(routes, method, url.pathname);
    const check = tokens.use(tokenFromHeader(request.headers.authorization));
    response.once('close', () => {
      onRequest({
        seq: order,
        time,
        method,
        path: url.pathname,
        route:
          match.kind === 'route'
            ? match.route.path
            : match.kind === 'wrong-method'
              ? match.path
              : '(none)',
        token: check.fingerprint,
        tokenState: check.state,
        status: response.writableFinished ? response.statusCode : 0,
        durationMs: performance.now() - started,
      });
    });
    respond(request, response, url, match, check).catch((error: unknown) => {
      // A client that went away while its body was read is no fault of ours.
      if (!request.complete && request.destroyed) return;
      onError(error);
      if (!response.headersSent)
        send(request, response, failure(500, 'Something went wrong.'), now());
      else response.destroy();
    });
  };
}
