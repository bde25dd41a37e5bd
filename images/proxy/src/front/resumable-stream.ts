/**
 * A stream of messages that outlives its connection: what was sent is kept for a while, so that a client that lost the
 * connection can come back and get what it missed
 * (modelcontextprotocol.io/specification/2025-11-25/basic/transports, "Resumability and Redelivery").
 */
import { CODE, errorBytes } from '../jsonrpc/message.ts';
import type { Pieces } from '../upstream/upstream.ts';
import type { EventStream, MessageStream } from './event-stream.ts';

/** What a stream carries: the answer to one POST, or what the server sends on its own account. */
export type StreamKind = 'post' | 'get';

/** Where a stream is kept. */
export interface Keeper {
  readonly primes: boolean;
  /** Counts what was added to a stream and makes room for it. */
  added(stream: ResumableStream, cost: number): void;
  /** Something about the stream's connection changed. */
  touched(stream: ResumableStream): void;
}

interface KeptEvent {
  readonly seq: number;
  message: Pieces;
  cost: number;
  /** Id of the request that this message answers, as JSON text. */
  readonly answers: string | undefined;
}

/** What an event costs besides its bytes, about. */
export const EVENT_COST = 256;
/** How long a client waits before it comes back. */
const RETRY_MS = 1_000;
/** Up to here a message is copied: kept as it is, it would hold the whole piece of input that it came in. */
const COPIED = 64 * 1024;

export class ResumableStream implements MessageStream {
  readonly kind: StreamKind;
  readonly name: string;
  readonly session: string;
  readonly #keeper: Keeper;
  readonly #events: KeptEvent[] = [];
  #connection: EventStream | undefined;
  #last = 0;
  #ended = false;
  /** Number of the last event that is no longer kept, and of the last such answer. */
  #lost = 0;
  #lostAnswer = 0;

  constructor(kind: StreamKind, name: string, session: string, keeper: Keeper) {
    this.kind = kind;
    this.name = name;
    this.session = session;
    this.#keeper = keeper;
  }

  get connected(): boolean {
    return this.#connection !== undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Number of events that are kept. */
  get length(): number {
    return this.#events.length;
  }

  /** True when a client that has everything up to event `seq` can get all that matters of the rest. */
  continuesFrom(seq: number): boolean {
    if (seq > this.#last) return false;
    // Of progress the newest says all; other messages of the server cannot be missed unnoticed.
    return this.kind === 'post' ? seq >= this.#lostAnswer : seq >= this.#lost;
  }

  /** Goes on over this connection behind event `after`; the one before it, if any, is cut. */
  connect(connection: EventStream, after = 0): this {
    this.#connection?.cut();
    this.#connection = connection;
    if (this.#keeper.primes) connection.prime(this.#id(after), RETRY_MS);
    for (const { seq, message } of this.#events)
      if (seq > after) connection.sendAs(this.#id(seq), message);
    if (this.#ended) connection.end();
    this.#keeper.touched(this);
    connection.onClose(() => {
      if (this.#connection !== connection) return;
      this.#connection = undefined;
      this.#keeper.touched(this);
    });
    return this;
  }

  send(message: Pieces, answers?: string): void {
    if (this.#ended) return;
    const seq = ++this.#last;
    const length = message.reduce((sum, piece) => sum + piece.length, 0);
    const kept = length > COPIED ? message : [own(message, length)];
    const event = { seq, message: kept, cost: length + EVENT_COST, answers };
    this.#events.push(event);
    this.#keeper.added(this, event.cost);
    this.#connection?.sendAs(this.#id(seq), message);
  }

  end(): void {
    this.#ended = true;
    this.#connection?.end();
    this.#keeper.touched(this);
  }

  /** Ends the connection; the client may come back. */
  disconnect(): void {
    this.#connection?.end();
  }

  /**
   * Gives up the oldest event that is kept; of a large answer remains an error that says so.
   * @returns what it cost
   */
  shed(): number {
    const [event] = this.#events;
    if (!event) return 0;
    const { cost, answers, seq } = event;
    if (answers !== undefined && cost > GONE_COST) {
      event.message = [answerLost(answers)];
      event.cost = GONE_COST;
      return cost - GONE_COST;
    }
    this.#events.shift();
    this.#lost = seq;
    if (answers !== undefined) this.#lostAnswer = seq;
    return cost;
  }

  #id(seq: number): string {
    return `${this.name}.${seq}`;
  }
}

/** An answer that is not kept, or not here, ends its request all the same. */
export const answerLost = (id: string): Buffer =>
  errorBytes(
    id,
    CODE.connectionClosed,
    'the connection was lost, and the answer is not kept; send the request again',
    { reason: 'answer_not_kept' },
  );
const GONE_COST = 1_024;

/** The message in memory of its own. */
function own(message: Pieces, length: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const piece of message) at += piece.copy(copy, at);
  return copy;
}
