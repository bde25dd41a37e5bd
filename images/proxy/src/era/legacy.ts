/**
 * The revisions that open with `initialize`, 2024-11-05 to 2025-11-25, as Streamable HTTP
 * (modelcontextprotocol.io/specification/2025-11-25/basic/transports).
 */
import type { Calls } from '../calls.ts';
import { readAccept } from '../front/accept.ts';
import { callerOf } from '../front/caller.ts';
import { EventStream } from '../front/event-stream.ts';
import { type Problem, Refused } from '../front/problem.ts';
import { Reply } from '../front/reply.ts';
import type { Streams } from '../front/streams.ts';
import {
  type ClientRequest,
  CODE,
  errorBytes,
  type Payload,
  resultBytes,
} from '../jsonrpc/message.ts';
import { FORWARDED, PERSONAL } from '../upstream/methods.ts';
import type { Answer, Caller, Upstream } from '../upstream/upstream.ts';
import { asking } from './asking.ts';
import type { ClientAsks } from './asks.ts';
import type { Era, HttpExchange } from './era.ts';
import { answerInitialize, capabilitiesOf, clientCapabilities } from './initialize.ts';
import { listen, primes } from './listen.ts';
import type { Session, SessionSigner } from './session-id.ts';
import type { Sessions } from './sessions.ts';
import { BATCH_VERSION, isLegacyVersion, LEGACY_VERSIONS, negotiate } from './versions.ts';

export interface LegacyEraOptions {
  readonly calls: Calls;
  readonly upstream: Upstream;
  readonly signer: SessionSigner;
  readonly sessions: Sessions;
  readonly streams: Streams;
  readonly asks: ClientAsks;
  /** Life of a session id in seconds. */
  readonly sessionLife: number;
  /** How long `initialize` waits for the server's first handshake, in milliseconds. */
  readonly handshakePatienceMs: number;
  now(): number;
}

const SESSION_HEADER = 'mcp-session-id';
/** What the SDKs' own servers answer. */
const SESSION_NOT_FOUND = -32001;

export class LegacyEra implements Era {
  readonly #options: LegacyEraOptions;

  constructor(options: LegacyEraOptions) {
    this.#options = options;
    const { upstream, streams, asks } = options;
    upstream.listen({
      onMessage: (message, sessions) => streams.broadcast(message, sessions),
      onRequest: (session, request, signal) =>
        asks.ask({ session, request, signal, send: (message) => streams.send(session, message) }),
    });
  }

  async post(exchange: HttpExchange, payload: Payload): Promise<void> {
    const { request, response, outflow } = exchange;
    const accepts = readAccept(request.headers.accept);
    if (!accepts.json && !accepts.stream) throw new Refused(NOT_ACCEPTABLE);
    const [first] = payload.messages;
    if (first?.kind === 'request' && first.method === 'initialize' && !payload.batch)
      return new Reply({
        response,
        accepts,
        outflow,
        ids: [first.id],
        openStream: () => new EventStream(response, outflow),
      }).finish([await this.#initialize(exchange, first)], ONE);
    const session = this.#session(exchange);
    if (payload.batch && session.version !== BATCH_VERSION)
      throw new Refused({
        status: 400,
        code: CODE.invalidRequest,
        message: `batches belong to revision ${BATCH_VERSION} and this session speaks ${session.version}`,
      });
    const { upstream, calls, streams } = this.#options;
    const caller = {
      ...callerOf(exchange, session.name),
      ...(upstream.personal ? { capabilities: capabilitiesOf(session.capabilities) } : {}),
    };
    const requests = this.#takeRest(payload, caller);
    if (requests.length === 0) {
      response.writeHead(202).end();
      return;
    }
    const ids = requests.map(({ id }) => id);
    const only = ids.length === 1 ? ids[0] : undefined;
    const reply = new Reply({
      response,
      accepts,
      outflow,
      ids,
      openStream: () =>
        streams
          .open(session.name, 'post', primes(session.version), only)
          .connect(new EventStream(response, outflow)),
    });
    const onRequest = asking(this.#options, { exchange, session, caller, accepts, reply });
    const answers = await Promise.all(
      requests.map(
        (one) =>
          answerHere(one, upstream.personal) ??
          calls.run(one, caller, (message) => reply.note(message), onRequest),
      ),
    );
    reply.finish(answers, payload);
  }

  /** Takes what needs no answer; gives the requests. */
  #takeRest({ messages }: Payload, caller: Caller): ClientRequest[] {
    const { calls, asks, upstream } = this.#options;
    const requests: ClientRequest[] = [];
    for (const message of messages) {
      if (message.kind === 'request') requests.push(message);
      else if (message.kind === 'response') asks.answer(caller.session, message);
      else if (message.method === 'notifications/cancelled')
        calls.cancel(caller.session, message.params.requestId);
      else upstream.notify(message, caller);
    }
    return requests;
  }

  get(exchange: HttpExchange): void {
    const { headers } = exchange.request;
    // Clients of the older HTTP+SSE transport open a bare stream and wait for its first event for ever.
    if (!headers[SESSION_HEADER] && !headers['mcp-protocol-version'])
      throw new Refused({
        status: 405,
        message:
          'the HTTP+SSE transport of 2024-11-05 is not served; use Streamable HTTP: POST to this address',
        headers: { allow: 'POST' },
      });
    const session = this.#session(exchange);
    if (!readAccept(headers.accept).stream) throw new Refused(NO_STREAM);
    listen(this.#options.streams, session, exchange);
  }

  delete(exchange: HttpExchange): void {
    const session = this.#session(exchange);
    this.#options.sessions.end(session);
    this.#options.streams.endSession(session.name);
    this.#options.asks.endSession(session.name);
    this.#options.upstream.endSession(session.name);
    exchange.response.writeHead(204).end();
  }

  close(): void {
    this.#options.streams.close();
  }

  async #initialize(exchange: HttpExchange, request: ClientRequest): Promise<Answer> {
    const { upstream, signer, sessions, sessionLife, handshakePatienceMs, now } = this.#options;
    const { protocolVersion: asked, capabilities } = request.params;
    if (typeof asked !== 'string')
      return here(
        errorBytes(request.id, CODE.invalidParams, 'initialize needs a protocolVersion'),
        'error',
      );
    const handshake = await upstream.handshake(handshakePatienceMs);
    if (!handshake) {
      const why = upstream.health()[0]?.message ?? 'the MCP server is starting';
      return {
        ...here(errorBytes(request.id, CODE.internalError, why), 'unavailable'),
        retryAfter: 5,
      };
    }
    const version = negotiate(asked, handshake.protocolVersion);
    const { id, session } = signer.issue({
      version,
      capabilities: clientCapabilities(capabilities),
      principal: exchange.principal,
      expiresAt: Math.floor(now() / 1000) + sessionLife,
    });
    sessions.use(session, now());
    exchange.response.setHeader(SESSION_HEADER, id);
    return here(resultBytes(request.id, answerInitialize(handshake, version, upstream.personal)));
  }

  /** @throws Refused when the request names no session that lives and belongs to this key. */
  #session({ request, principal }: HttpExchange): Session {
    const { signer, sessions, now } = this.#options;
    const version = request.headers['mcp-protocol-version'];
    if (version !== undefined && !isLegacyVersion(version)) throw new Refused(WRONG_VERSION);
    const id = request.headers[SESSION_HEADER];
    if (typeof id !== 'string' || id === '') throw new Refused(NO_SESSION_ID);
    const session = signer.read(id, now());
    if (!session || session.principal !== principal || sessions.isEnded(session))
      throw new Refused(NO_SESSION);
    sessions.use(session, now());
    return session;
  }
}

const WRONG_VERSION: Problem = {
  status: 400,
  message: `unsupported MCP-Protocol-Version; supported: ${LEGACY_VERSIONS.join(', ')}`,
};
const NO_SESSION_ID: Problem = {
  status: 400,
  message: 'the header Mcp-Session-Id is missing; send initialize first',
};
const NO_SESSION: Problem = {
  status: 404,
  code: SESSION_NOT_FOUND,
  message: 'there is no such session; send initialize again',
};
const NOT_ACCEPTABLE: Problem = {
  status: 406,
  message: 'the client must accept application/json or text/event-stream, and best both',
};
const NO_STREAM: Problem = { status: 406, message: 'the client must accept text/event-stream' };

const ONE = { batch: false } as const;

/** An answer that needs no server. */
const here = (message: Buffer, outcome: Answer['outcome'] = 'ok'): Answer => ({
  message: [message],
  outcome,
  generation: 0,
});

/** The answer to a request that does not concern the server. */
function answerHere(request: ClientRequest, personal: boolean): Answer | undefined {
  if (request.method === 'ping') return here(resultBytes(request.id, {}));
  if (FORWARDED.has(request.method) || (personal && PERSONAL.has(request.method))) return undefined;
  const message =
    request.method === 'initialize'
      ? 'initialize cannot be part of a batch'
      : `the method ${request.method.slice(0, 100)} is not offered`;
  const code = request.method === 'initialize' ? CODE.invalidRequest : CODE.methodNotFound;
  return here(errorBytes(request.id, code, message), 'error');
}
