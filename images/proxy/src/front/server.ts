/** The HTTP server of the MCP endpoint: checks every request, reads its body, hands it to an era. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { errorText, type Logger } from '../../../kit/src/logger.ts';
import type { Era } from '../era/era.ts';
import { MessageError, parsePayload } from '../jsonrpc/message.ts';
import { readJsonBody } from './body.ts';
import { admit, type GuardOptions } from './guard.ts';
import type { Access } from './keys.ts';
import { OpenAnswers } from './open-answers.ts';
import { Outflow, type OutflowOptions } from './outflow.ts';
import { type Problem, Refused, sendProblem } from './problem.ts';

export const MCP_PATH = '/mcp';

export interface FrontOptions {
  readonly port: number;
  readonly host?: string;
  readonly guard: GuardOptions;
  /** Address of the client of a request. */
  clientOf(request: IncomingMessage): string | undefined;
  readonly era: Era;
  /** Largest body in bytes. */
  readonly bodyLimit: number;
  readonly patience?: Patience;
  readonly outflow: OutflowOptions;
  readonly log: Logger;
  onAnswer(status: number): void;
}

export interface Front {
  readonly port: number;
  /** This key is valid no longer: what it opened is cut. */
  cut(access: Access): void;
  /** From now on each answer closes its connection, so that the next request on it looks for another replica. */
  closeAfterAnswers(): void;
  /** From now on new work is refused with 503; who comes again meets another replica, or the next start. */
  drain(): void;
  close(): Promise<void>;
}

/** Times in milliseconds after which a client that sends too slowly is answered 408 and cut. */
export interface Patience {
  readonly headersMs: number;
  readonly requestMs: number;
  /** How often Node looks. */
  readonly checkMs: number;
}
const PATIENCE: Patience = { headersMs: 10_000, requestMs: 30_000, checkMs: 1_000 };
/** Longer than the idle time of common load balancers, so that they close first. */
const KEEP_ALIVE_MS = 75_000;
/** The system asks a silent peer after this time whether it is there, and once a second then; ten misses end it. */
const PROBE_AFTER_MS = 10_000;
const MAX_CONNECTIONS = 4_096;
/** How long answers may still take to reach their clients when the server is closed. */
const LAST_ANSWERS_MS = 3_000;
const IDLE_CHECK_MS = 20;

const STOPPING: Problem = {
  status: 503,
  message: 'this proxy is being stopped',
  headers: { 'retry-after': '2', connection: 'close' },
};
const WRONG_METHOD: Problem = {
  status: 405,
  message: 'use POST, GET or DELETE',
  headers: { allow: 'POST, GET, DELETE' },
};

const NO_TUNNEL =
  'HTTP/1.1 405 Method Not Allowed\r\nAllow: POST, GET, DELETE\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

export async function startFront(options: FrontOptions): Promise<Front> {
  const { guard, era, bodyLimit, log, patience = PATIENCE } = options;
  const answers = new OpenAnswers();
  const outflow = new Outflow(options.outflow);
  /** The last answer begun on each connection. */
  const current = new WeakMap<Socket, ServerResponse>();
  let closing = false;
  let draining = false;

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const access = admit(request, guard);
    answers.add(access, response);
    const client = options.clientOf(request);
    const exchange = { request, response, principal: access.name, client, outflow };
    if ((request.url ?? '').split('?')[0] !== MCP_PATH)
      throw new Refused({ status: 404, message: `the MCP endpoint is ${MCP_PATH}` });
    if (draining) throw new Refused(STOPPING);
    switch (request.method) {
      case 'POST':
        return era.post(exchange, parsePayload(await readJsonBody(request, bodyLimit)));
      case 'GET':
        return era.get(exchange);
      case 'DELETE':
        return era.delete(exchange);
      default:
        throw new Refused(WRONG_METHOD);
    }
  };

  const fail = (request: IncomingMessage, response: ServerResponse, error: unknown) => {
    if (response.headersSent) response.destroy();
    else if (error instanceof Refused) return sendProblem(response, error.problem);
    else if (error instanceof MessageError)
      return sendProblem(response, { status: 400, code: error.code, message: error.message });
    // A client that left in the middle of its body is no failure of ours.
    if (request.destroyed && !request.complete) return;
    log.error('request_failed', { error: errorText(error) });
    if (!response.headersSent)
      sendProblem(response, { status: 500, message: 'the proxy failed at this request' });
  };

  const server = createServer(
    {
      headersTimeout: patience.headersMs,
      requestTimeout: patience.requestMs,
      connectionsCheckingInterval: patience.checkMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_AFTER_MS,
    },
    (request, response) => {
      response.once('finish', () => options.onAnswer(response.statusCode));
      if (closing) response.setHeader('connection', 'close');
      const { socket } = request;
      const run = () => {
        if (socket.destroyed) return;
        serve(request, response).catch((error: unknown) => fail(request, response, error));
      };
      // One at a time on a connection: answers to requests sent ahead would pile up behind one that is not read.
      const before = current.get(socket);
      current.set(socket, response);
      if (!before || before.writableFinished || before.closed) run();
      else before.once('close', run);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  // Node would close the connection without a word.
  server.on('connect', (_, socket: Socket) => {
    socket.on('error', () => {});
    socket.write(NO_TUNNEL);
    socket.destroySoon();
  });
  server.on('timeout', (socket) => outflow.timedOut(socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut: (access) => answers.cut(access),
    closeAfterAnswers: () => {
      closing = true;
    },
    drain: () => {
      draining = true;
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      // Answers that are on their way get a moment; connections that wait for a next request do not.
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
      const late = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
      await closed;
      clearInterval(idle);
      clearTimeout(late);
      outflow.close();
    },
  };
}
