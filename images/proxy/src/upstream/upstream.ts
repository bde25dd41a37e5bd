/**
 * The seam between what clients speak and what serves them. An era hands messages to an upstream and gets
 * messages back; it does not know whether a child process or a remote server answers.
 */
import type { Reason } from '../../../kit/src/operations.ts';
import type { ClientNotification, ClientRequest, JsonObject } from '../jsonrpc/message.ts';
import type { ServerRequest } from '../jsonrpc/server-message.ts';
import type { ToolDigests } from './tool-digests.ts';

/** Bytes of one JSON-RPC message in pieces, without a line break. */
export type Pieces = readonly Buffer[];

/** Who sends a message. */
export interface Caller {
  /** Name of the key that the client showed. */
  readonly principal: string;
  /** The client's session. */
  readonly session: string;
  /** Address that the client comes from, as far as it can be trusted. */
  readonly client?: string;
  /** What the client said that it can do, as in its `initialize`; nothing when left out. */
  readonly capabilities?: JsonObject;
  /** The caller's place in a trace (W3C Trace Context); told to the server in `_meta`. */
  readonly traceparent?: string;
}

/** How a request ended, as metrics and the audit name it. */
export type Outcome =
  | 'ok'
  | 'tool_error'
  | 'error'
  | 'timeout'
  | 'cancelled'
  | 'too_large'
  | 'child_died'
  | 'upstream_lost'
  | 'unavailable'
  /** Above a limit; never at the server. */
  | 'refused'
  /** Against a rule for tools; never at the server. */
  | 'denied';

export interface Answer {
  /** The JSON-RPC response, with the client's own id. */
  readonly message: Pieces;
  readonly outcome: Outcome;
  /** Which start of the server answered; 0 when none did. */
  readonly generation: number;
  /** For `unavailable` and `refused`: seconds after which another try makes sense. */
  readonly retryAfter?: number;
  /** HTTP status that goes with `retryAfter`; 503 when left out. */
  readonly status?: 429 | 503;
}

/** Why a request is given up before its answer; the reason of `CallOptions.signal`. */
export class CallAborted extends Error {
  readonly outcome: 'timeout' | 'cancelled';
  constructor(outcome: 'timeout' | 'cancelled', message: string) {
    super(message);
    this.name = 'CallAborted';
    this.outcome = outcome;
  }
}

/**
 * Asks the client something in the server's name: sampling, elicitation, roots. Resolves with the JSON-RPC response
 * that goes to the server, with the server's own id; never rejects, so a client that cannot be asked or does not
 * answer is an error response. `signal` aborts when the server no longer waits.
 */
export type AskClient = (request: ServerRequest, signal: AbortSignal) => Promise<Pieces>;

export interface CallOptions {
  readonly caller: Caller;
  /** Takes messages that belong to this request and come before its answer. */
  onMessage(message: Pieces): void;
  /** Takes requests of the server to this client while it works on this request. */
  readonly onRequest?: AskClient;
  /** Aborted with a `CallAborted` when the request is given up. */
  readonly signal: AbortSignal;
}

/** What the server said of itself when it was initialized. */
export interface Handshake {
  readonly protocolVersion: string;
  readonly capabilities: JsonObject;
  readonly serverInfo: JsonObject;
  readonly instructions?: string;
}

/** Hears what the server sends outside of any request. */
export interface UpstreamListener {
  /** A message for these sessions, by name; for every session when left out. */
  onMessage(message: Pieces, sessions?: readonly string[]): void;
  /** A request of the server to the client of this session. */
  onRequest?(session: string, ...request: Parameters<AskClient>): Promise<Pieces>;
}

export interface Upstream {
  /**
   * True when clients can be told apart behind it: then log levels, subscriptions and requests to clients are
   * offered. False when the server is shared, and these would reach the wrong client.
   */
  readonly personal: boolean;
  /** The answer to a request for which the server need not be asked, where that is known at once. */
  recall?(request: ClientRequest): Answer | undefined;
  /** Sends a request. Never rejects: whatever goes wrong is an answer with a JSON-RPC error. */
  call(request: ClientRequest, options: CallOptions): Promise<Answer>;
  /** Passes on what a client only tells; dropped where it means nothing to a shared server. */
  notify(notification: ClientNotification, caller: Caller): void;
  /** The last handshake, waiting up to `patienceMs` for a first one; undefined when there is none. */
  handshake(patienceMs: number): Promise<Handshake | undefined>;
  /** The tools that the server offers, before any rule; none while it is not known. */
  tools(): ToolDigests;
  /** Why a call would fail now; empty = it would not. */
  health(): readonly Reason[];
  /** Hears messages that belong to no request; returns the way to stop that. */
  listen(listener: UpstreamListener): () => void;
  /** Forgets what it keeps for a session that is over: level, subscriptions, a server of its own. */
  endSession(session: string): void;
  stop(): Promise<void>;
}
