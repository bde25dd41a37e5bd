/**
 * The seam between what clients speak and what serves them. An era hands messages to an upstream and gets
 * messages back; it does not know whether a child process or a remote server answers.
 */
import type { Reason } from '../../../kit/src/operations.ts';
import type { ClientRequest, JsonObject } from '../jsonrpc/message.ts';

/** Bytes of one JSON-RPC message in pieces, without a line break. */
export type Pieces = readonly Buffer[];

/** Who sends a message. */
export interface Caller {
  /** Name of the key that the client showed. */
  readonly principal: string;
  /** The client's session. */
  readonly session: string;
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
  | 'unavailable';

export interface Answer {
  /** The JSON-RPC response, with the client's own id. */
  readonly message: Pieces;
  readonly outcome: Outcome;
  /** Which start of the server answered; 0 when none did. */
  readonly generation: number;
  /** For `unavailable`: seconds after which another try makes sense. */
  readonly retryAfter?: number;
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

export interface CallOptions {
  readonly caller: Caller;
  /** Takes messages that belong to this request and come before its answer. */
  onMessage(message: Pieces): void;
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

export interface Upstream {
  /** Sends a request. Never rejects: whatever goes wrong is an answer with a JSON-RPC error. */
  call(request: ClientRequest, options: CallOptions): Promise<Answer>;
  /** The last handshake, waiting up to `patienceMs` for a first one; undefined when there is none. */
  handshake(patienceMs: number): Promise<Handshake | undefined>;
  /** Names of the tools that the server offers. */
  toolNames(): ReadonlySet<string>;
  /** Why a call would fail now; empty = it would not. */
  health(): readonly Reason[];
  /** Hears messages that the server sends on its own account to everyone; returns the way to stop that. */
  listen(listener: (message: Pieces) => void): () => void;
  stop(): Promise<void>;
}
