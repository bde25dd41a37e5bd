/** The upstream that is a child process speaking MCP over stdio, shared by all clients. */
import { type ClientRequest, CODE, errorBytes, renumber } from '../../jsonrpc/message.ts';
import { isToolError, withClientId } from '../../jsonrpc/server-message.ts';
import {
  type Answer,
  CallAborted,
  type CallOptions,
  type Handshake,
  type Upstream,
  type UpstreamListener,
} from '../upstream.ts';
import type { Child, ChildResult } from './child.ts';
import type { Ready } from './life.ts';
import { Supervisor, type SupervisorOptions } from './supervisor.ts';

export interface StdioUpstreamOptions
  extends Omit<SupervisorOptions, 'onReady' | 'onNotification'> {
  /** How long a call waits for a child that is starting, in milliseconds. */
  readonly startPatienceMs: number;
  /** Most requests that a child works on at once. */
  readonly maxInFlight: number;
}

/** Most bytes that may wait for a server that reads slowly. */
const MOST_UNREAD = 32 * 1024 * 1024;

/** Notifications that concern every client of a shared server. */
const FOR_EVERYONE: ReadonlySet<string> = new Set([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
]);

export class StdioUpstream implements Upstream {
  readonly personal = false;
  readonly #options: StdioUpstreamOptions;
  readonly #supervisor: Supervisor;
  readonly #listeners = new Set<UpstreamListener>();
  #last: Ready | undefined;

  constructor(options: StdioUpstreamOptions) {
    this.#options = options;
    this.#supervisor = new Supervisor({
      ...options,
      onReady: (ready) => {
        const before = this.#last;
        this.#last = ready;
        if (before) this.#tellChanges(before, ready);
      },
      onNotification: (method, bytes) => this.#hear(method, bytes),
    });
  }

  async call(request: ClientRequest, options: CallOptions): Promise<Answer> {
    const ready = await this.#supervisor.whenReady(this.#options.startPatienceMs, options.signal);
    if (options.signal.aborted) return aborted(request, options.signal, 0);
    if (!ready) return this.#unavailable(request);
    const { child } = ready;
    if (child.inFlight >= this.#options.maxInFlight || child.unread > MOST_UNREAD)
      return busy(request, child);
    const token = request.progressToken;
    const { id, result } = child.send(
      (id) => renumber(request, id),
      token && request.bytes.toString('utf8', token.start, token.end),
      options.onMessage,
    );
    const outcome = await untilAborted(result, options.signal);
    if (outcome === undefined) {
      const answer = aborted(request, options.signal, child.generation);
      child.cancel(id, answer.outcome);
      if (answer.outcome === 'timeout') this.#supervisor.suspect(ready);
      return answer;
    }
    return this.#answer(request, child, outcome);
  }

  /** What a client tells concerns no other client's server. */
  notify(): void {}

  endSession(): void {}

  async handshake(patienceMs: number): Promise<Handshake | undefined> {
    const ready = this.#last ?? (await this.#supervisor.whenReady(patienceMs));
    return ready?.handshake;
  }

  toolNames(): ReadonlySet<string> {
    return this.#last?.tools ?? new Set();
  }

  health() {
    return this.#supervisor.health();
  }

  /** The process id of the child that answers now. */
  get pid(): number | undefined {
    return this.#supervisor.current()?.child.pid;
  }

  listen(listener: UpstreamListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): Promise<void> {
    return this.#supervisor.stop();
  }

  #answer(request: ClientRequest, child: Child, result: ChildResult): Answer {
    const { generation } = child;
    switch (result.kind) {
      case 'response': {
        const { response } = result;
        const outcome = response.failed
          ? 'error'
          : isToolError(response.bytes)
            ? 'tool_error'
            : 'ok';
        return { message: withClientId(response, request.id), outcome, generation };
      }
      case 'too_large':
        return failure(
          request,
          'too_large',
          generation,
          CODE.internalError,
          'result_too_large',
          `the answer has ${result.length} bytes and the limit is ${this.#options.messageLimit}; ask for less, for example with LIMIT or by aggregating`,
        );
      case 'died':
        return failure(
          request,
          'child_died',
          generation,
          CODE.connectionClosed,
          'child_died',
          `the MCP server ${result.end.text} while it worked on this request; it is being restarted`,
        );
    }
  }

  #unavailable(request: ClientRequest): Answer {
    const why =
      this.#supervisor
        .health()
        .map(({ message }) => message)
        .join('; ') || 'the MCP server is not ready';
    return {
      ...failure(
        request,
        'unavailable',
        0,
        CODE.internalError,
        this.#supervisor.health()[0]?.code ?? 'child_starting',
        why,
      ),
      retryAfter: this.#supervisor.secondsToStart(),
    };
  }

  #hear(method: string, bytes: Buffer): void {
    // A log message of a shared server may speak of another client's call: it goes to our log alone.
    if (!FOR_EVERYONE.has(method)) {
      this.#options.log.debug('child_notification', { method });
      return;
    }
    const last = this.#last;
    if (method === 'notifications/tools/list_changed' && last)
      last.child.listTools().then(
        (tools) => {
          last.tools = tools;
        },
        () => {},
      );
    for (const listener of this.#listeners) listener.onMessage([bytes]);
  }

  /** A child that was replaced by one with other tools changes the catalogue for every client. */
  #tellChanges(before: Ready, now: Ready): void {
    if (before.tools.size === now.tools.size && [...now.tools].every((t) => before.tools.has(t)))
      return;
    this.#hear(
      'notifications/tools/list_changed',
      Buffer.from('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'),
    );
  }
}

function busy(request: ClientRequest, child: Child): Answer {
  const message = `the MCP server already works on ${child.inFlight} requests; try again in a moment`;
  const code = CODE.internalError;
  return {
    ...failure(request, 'unavailable', child.generation, code, 'busy', message),
    retryAfter: 1,
  };
}

function failure(
  request: ClientRequest,
  outcome: Answer['outcome'],
  generation: number,
  code: number,
  reason: string,
  message: string,
): Answer {
  return { message: [errorBytes(request.id, code, message, { reason })], outcome, generation };
}

function aborted(request: ClientRequest, signal: AbortSignal, generation: number): Answer {
  const reason =
    signal.reason instanceof CallAborted
      ? signal.reason
      : new CallAborted('cancelled', 'the request was cancelled');
  const code = reason.outcome === 'timeout' ? CODE.requestTimeout : CODE.connectionClosed;
  return failure(request, reason.outcome, generation, code, reason.outcome, reason.message);
}

/** The value, or undefined when the signal aborts first. */
function untilAborted<T>(value: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve) => {
    const give = () => resolve(undefined);
    signal.addEventListener('abort', give, { once: true });
    void value.then((result) => {
      signal.removeEventListener('abort', give);
      resolve(result);
    });
  });
}
