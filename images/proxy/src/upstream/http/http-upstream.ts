/** The upstream that is a remote MCP server over Streamable HTTP, one session with it shared by all clients. */
import type { Clock } from '../../../../kit/src/clock.ts';
import type { Logger } from '../../../../kit/src/logger.ts';
import { type ClientRequest, CODE, type JsonObject } from '../../jsonrpc/message.ts';
import { readServerMessage, type ServerResponse } from '../../jsonrpc/server-message.ts';
import { aborted, answered, busy, failure } from '../answers.ts';
import type { Answer, CallOptions, Handshake, Upstream, UpstreamListener } from '../upstream.ts';
import { markFailure } from './error-status.ts';
import { FixedArguments } from './fixed-arguments.ts';
import { Keeper } from './keeper.ts';
import { Link } from './link.ts';
import { Redactor } from './redactor.ts';
import { Remote } from './remote.ts';
import { type Headers, textsOf } from './secret-object.ts';
import { Trouble } from './trouble.ts';
import { CARE, type Care } from './watch.ts';

export interface HttpUpstreamOptions {
  readonly url: URL;
  /** Certificates of the authorities as PEM text; undefined = the public ones and the system's. */
  readonly authorities: string | undefined;
  /** The Host header that the server wants; undefined = that of the address. */
  readonly host: string | undefined;
  /** The `status` in a tool's JSON that says that it failed. */
  readonly errorStatus: string | undefined;
  readonly clientInfo: JsonObject;
  readonly messageLimit: number;
  /** How long a call waits for a server that cannot be reached, in milliseconds. */
  readonly startPatienceMs: number;
  /** Most requests that the server works on at once. */
  readonly maxInFlight: number;
  readonly care?: Care;
  readonly clock: Clock;
  readonly log: Logger;
  onAnswer(label: string, status: string, seconds: number): void;
}

/** What is added to requests, as the files hold it now. */
export interface Secrets {
  readonly headers: Headers;
  readonly arguments: JsonObject;
}

const NONE: Secrets = { headers: {}, arguments: {} };
/** The own stream, pings and cancellations need a way past the calls. */
const SPARE_CONNECTIONS = 8;
const RETRY_MS = 250;
const LIST_MS = 30_000;
const CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';

/** Notifications that concern every client of a shared server. */
const FOR_EVERYONE: ReadonlySet<string> = new Set([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
]);

export class HttpUpstream implements Upstream {
  readonly personal = false;
  readonly #options: HttpUpstreamOptions;
  readonly #remote: Remote;
  readonly #keeper: Keeper;
  readonly #listeners = new Set<UpstreamListener>();
  #secrets = NONE;
  #fixed = new FixedArguments({});
  #redactor = new Redactor([]);
  #unprotect: readonly (() => void)[] = [];
  #inFlight = 0;
  #handshake: Handshake | undefined;
  #tools: ReadonlySet<string> | undefined;

  constructor(options: HttpUpstreamOptions, secrets: Secrets = NONE) {
    this.#options = options;
    this.#remote = new Remote({
      ...options,
      connections: options.maxInFlight + SPARE_CONNECTIONS,
      headers: () => this.#secrets.headers,
    });
    this.#take(secrets);
    const { clock, log, care = CARE } = options;
    this.#keeper = new Keeper({
      address: this.#remote.address,
      care,
      clock,
      log,
      open: (generation, signal) => this.#open(generation, signal),
      onOpen: (link) => this.#opened(link),
    });
  }

  /** From now on these are added to requests. */
  use(secrets: Secrets): void {
    this.#take(secrets);
    this.#keeper.lookNow();
  }

  async call(request: ClientRequest, options: CallOptions): Promise<Answer> {
    if (this.#inFlight >= this.#options.maxInFlight) {
      const working = `the MCP server already works on ${this.#inFlight} requests`;
      return busy(request, `${working}; try again in a moment`);
    }
    this.#inFlight++;
    try {
      return await this.#call(request, options);
    } finally {
      this.#inFlight--;
    }
  }

  /** What a client tells concerns no other client's server. */
  notify(): void {}

  endSession(): void {}

  async handshake(patienceMs: number): Promise<Handshake | undefined> {
    return this.#handshake ?? (await this.#keeper.whenOpen(patienceMs))?.handshake;
  }

  toolNames(): ReadonlySet<string> {
    return this.#tools ?? new Set();
  }

  health() {
    return this.#keeper.health();
  }

  listen(listener: UpstreamListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    await this.#keeper.stop();
    await this.#remote.close();
  }

  #take(secrets: Secrets): void {
    const values = [...Object.values(secrets.headers), ...textsOf(secrets.arguments)];
    const before = this.#unprotect;
    this.#unprotect = values.map((value) => this.#options.log.protect(value));
    for (const undo of before) undo();
    this.#secrets = secrets;
    this.#fixed = new FixedArguments(secrets.arguments);
    this.#redactor = new Redactor(values);
  }

  #open(generation: number, signal: AbortSignal): Promise<Link> {
    let link: Link | undefined;
    const opening = Link.open(
      {
        ...this.#options,
        remote: this.#remote,
        generation,
        clean: (bytes) => this.#redactor.bytes(bytes),
        onNotification: (method, bytes) => this.#hear(link, method, bytes),
        onSuspicion: (trouble) => link && this.#keeper.noticed(link, trouble),
      },
      signal,
    );
    return opening.then((opened) => {
      link = opened;
      return opened;
    });
  }

  #opened(link: Link): void {
    this.#handshake = link.handshake;
    const before = this.#tools;
    this.#tools = link.tools;
    if (before && !sameNames(before, link.tools)) this.#tell([Buffer.from(CHANGED)]);
  }

  async #call(request: ClientRequest, { signal, onMessage }: CallOptions): Promise<Answer> {
    const { clock, startPatienceMs } = this.#options;
    const deadline = clock.now() + startPatienceMs;
    const token = request.progressToken;
    const progressToken = token && request.bytes.toString('utf8', token.start, token.end);
    for (let again = 0; ; ) {
      const link = await this.#keeper.whenOpen(deadline - clock.now(), signal);
      if (signal.aborted) return aborted(request, signal, 0);
      if (!link) return this.#unavailable(request);
      const { generation } = link;
      if (!this.#fixed.outbound(request, 0)) return notAnObject(request);
      try {
        const response = await link.request({
          method: request.method,
          build: (id) => this.#fixed.outbound(request, id) ?? [],
          progressToken,
          onMessage,
          signal,
        });
        this.#keeper.answered(link);
        return this.#answer(request, response, generation);
      } catch (error) {
        if (signal.aborted) {
          const answer = aborted(request, signal, generation);
          if (answer.outcome === 'timeout')
            this.#keeper.noticed(link, new Trouble('upstream_lost', 'a request timed out'));
          return answer;
        }
        const trouble = this.#remote.trouble(error);
        this.#keeper.noticed(link, trouble);
        if (mayRepeat(request, trouble) && again++ === 0) continue;
        const unreached = trouble.code === 'upstream_unreachable' && trouble.undelivered;
        if (!unreached || clock.now() >= deadline) return failed(request, trouble, generation);
        await clock.sleep(RETRY_MS, signal);
      }
    }
  }

  #answer(request: ClientRequest, given: ServerResponse, generation: number): Answer {
    let { bytes } = given;
    const { errorStatus } = this.#options;
    if (!given.failed && request.method === 'tools/list') bytes = this.#fixed.hidden(bytes);
    if (!given.failed && request.method === 'tools/call' && errorStatus !== undefined)
      bytes = markFailure(bytes, errorStatus);
    const read = bytes === given.bytes ? given : readServerMessage(bytes);
    const response = read?.kind === 'response' ? read : given;
    return answered(request, response, generation);
  }

  #unavailable(request: ClientRequest): Answer {
    const [reason] = this.#keeper.health();
    const why = reason?.message ?? `the MCP server at ${this.#remote.address} is being opened`;
    const code = reason?.code ?? 'upstream_unchecked';
    return {
      ...failure(request, 'unavailable', 0, CODE.internalError, code, why),
      retryAfter: this.#keeper.secondsToTry(),
    };
  }

  #hear(link: Link | undefined, method: string, bytes: Buffer): void {
    // A log message of a shared server may speak of another client's call: it goes to our log alone.
    if (!FOR_EVERYONE.has(method)) {
      this.#options.log.debug('upstream_notification', { method: method.slice(0, 100) });
      return;
    }
    if (method === 'notifications/tools/list_changed' && link)
      link.listTools(AbortSignal.timeout(LIST_MS)).then(
        (tools) => {
          this.#tools = tools;
        },
        () => {},
      );
    this.#tell([bytes]);
  }

  #tell(message: readonly Buffer[]): void {
    for (const listener of this.#listeners) listener.onMessage(message);
  }
}

/**
 * Whether a request may be sent a second time: when the server has refused it for its session alone, or when it only
 * reads. A call whose fate is not known is never sent again.
 */
function mayRepeat({ method }: ClientRequest, { code }: Trouble): boolean {
  return code === 'session_gone' || (code === 'upstream_lost' && method !== 'tools/call');
}

const sameNames = (a: ReadonlySet<string>, b: ReadonlySet<string>) =>
  a.size === b.size && [...a].every((name) => b.has(name));

function failed(request: ClientRequest, trouble: Trouble, generation: number): Answer {
  const { code, message, undelivered, passing, retryAfter } = trouble;
  const { internalError, connectionClosed } = CODE;
  if (code === 'too_large')
    return failure(request, code, generation, internalError, 'result_too_large', message);
  if (code === 'upstream_lost') {
    const fate = request.method === 'tools/call' ? '; it may have worked on the call' : '';
    return failure(request, code, generation, connectionClosed, code, message + fate);
  }
  if (retryAfter === undefined && !(undelivered && passing))
    return failure(request, 'error', generation, internalError, code, message);
  const seconds = retryAfter ?? 1;
  return {
    ...failure(request, 'unavailable', generation, internalError, code, message),
    retryAfter: seconds,
  };
}

function notAnObject(request: ClientRequest): Answer {
  const text = 'the arguments of a tool must be an object';
  return failure(request, 'error', 0, CODE.invalidParams, 'invalid_arguments', text);
}
