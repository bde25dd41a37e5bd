/**
 * Every event stream of this replica by session, with what is kept of each for a client that comes back. Bounded by
 * events and bytes for a session, by bytes for all sessions, and by time.
 */
import { randomBytes } from 'node:crypto';
import type { Pieces } from '../upstream/upstream.ts';
import { type Keeper, ResumableStream, type StreamKind } from './resumable-stream.ts';

export interface StreamLimits {
  /** Most events kept for one session. */
  readonly sessionEvents: number;
  /** Most bytes kept for one session. */
  readonly sessionBytes: number;
  /** Most bytes kept for all sessions. */
  readonly totalBytes: number;
  /** How long, in milliseconds, a stream is kept after it ended or lost its connection. */
  readonly keepMs: number;
}

/** What a client that comes back with the id of an event gets. */
export type Resumption =
  | { readonly kind: 'found'; readonly stream: ResumableStream; readonly after: number }
  /** The server's own messages: nothing is kept of that stream, another one takes its place. */
  | { readonly kind: 'anew' }
  /** The answer to a POST that is not kept, or not here. */
  | { readonly kind: 'gone'; readonly lost?: LostAnswer }
  /** No id that a proxy gave out. */
  | { readonly kind: 'strange' };

/** What an event id still tells of an answer that nothing else is known of, and may come from another replica. */
export interface LostAnswer {
  /** Id of the request that waits for it, as JSON text. */
  readonly request: string;
  /** Id of the event that ends the wait; it names no request, so that who comes back with it is not answered again. */
  readonly end: string;
}

interface OfSession {
  readonly streams: Map<string, ResumableStream>;
  bytes: number;
  events: number;
}

const SHORTEST_SWEEP_MS = 1_000;
/** What a stream costs besides its events, about. */
const STREAM_COST = 1_024;
/** Streams for the server's own messages that one session may have open; one more ends the oldest. */
const MOST_GET_STREAMS = 4;
/** Of a process, so that two replicas, or two starts, never give out the same id. */
const ORIGIN_BYTES = 6;
const EVENT_ID =
  /^((([pg])\.[0-9a-f]{12}\.[0-9a-z]{1,11})(?:\.([A-Za-z0-9_-]{1,86}))?)\.(\d{1,15})$/;
/** Request ids of at most so many bytes are part of event ids. */
const LONGEST_REQUEST = 64;
const LETTER = { post: 'p', get: 'g' } as const;

export class Streams {
  readonly #limits: StreamLimits;
  readonly #now: () => number;
  readonly #origin = randomBytes(ORIGIN_BYTES).toString('hex');
  /** Sessions with streams; the one that something was kept for last stands last. */
  readonly #sessions = new Map<string, OfSession>();
  /** Streams without a client, and since when; those that wait longest first. */
  readonly #idle = new Map<ResumableStream, number>();
  readonly #keepers: Record<'primed' | 'plain', Keeper>;
  readonly #timer: NodeJS.Timeout;
  #opened = 0;
  #bytes = 0;

  constructor(limits: StreamLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    const added = (stream: ResumableStream, cost: number) => this.#added(stream, cost);
    const touched = (stream: ResumableStream) => this.#touched(stream);
    this.#keepers = {
      primed: { primes: true, added, touched },
      plain: { primes: false, added, touched },
    };
    this.#timer = setInterval(
      () => this.sweep(),
      Math.max(SHORTEST_SWEEP_MS, limits.keepMs / 10),
    ).unref();
  }

  /** Bytes that are kept, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * A new stream; with `primes` its client is told at once how to come back.
   * @param request id of the one request that is answered on it, as JSON text
   */
  open(session: string, kind: StreamKind, primes: boolean, request = ''): ResumableStream {
    const keeper = this.#keepers[primes ? 'primed' : 'plain'];
    const name = `${LETTER[kind]}.${this.#origin}.${(this.#opened++).toString(36)}${suffixOf(request)}`;
    const stream = new ResumableStream(kind, name, session, keeper);
    let own = this.#sessions.get(session);
    if (!own) {
      own = { streams: new Map(), bytes: 0, events: 0 };
      this.#sessions.set(session, own);
    }
    own.streams.set(name, stream);
    this.#count(own, STREAM_COST, 0);
    if (kind === 'get') {
      const open = [...own.streams.values()].filter((one) => one.kind === 'get');
      for (const oldest of open.slice(0, -MOST_GET_STREAMS)) this.#end(oldest);
    }
    this.#makeRoom();
    return stream;
  }

  /** What there is for a client of this session that names the last event it has. */
  find(session: string, eventId: string): Resumption {
    this.sweep();
    const [, name = '', bare, letter, encoded, seq] = EVENT_ID.exec(eventId) ?? [];
    if (letter === undefined) return { kind: 'strange' };
    const stream = this.#sessions.get(session)?.streams.get(name);
    const after = Number(seq);
    if (stream?.continuesFrom(after)) return { kind: 'found', stream, after };
    if (letter === LETTER.get) return { kind: 'anew' };
    if (encoded === undefined) return { kind: 'gone' };
    const request = requestOf(encoded);
    if (request === undefined) return { kind: 'strange' };
    return { kind: 'gone', lost: { request, end: `${bare}.${seq}` } };
  }

  /**
   * A message of the server's own for one session. It goes to one stream only: the newest that is connected, else the
   * newest whose client may come back.
   * @returns false when there is none
   */
  send(session: string, message: Pieces): boolean {
    const streams = [...(this.#sessions.get(session)?.streams.values() ?? [])].filter(
      ({ kind, ended }) => kind === 'get' && !ended,
    );
    const stream = streams.findLast(({ connected }) => connected) ?? streams.at(-1);
    stream?.send(message);
    return stream !== undefined;
  }

  /** True while a client listens to the server's own messages. */
  listens(session: string): boolean {
    const streams = this.#sessions.get(session)?.streams.values() ?? [];
    return [...streams].some(({ kind, connected }) => kind === 'get' && connected);
  }

  /** A message of the server's own for these sessions, or for all that listen. */
  broadcast(message: Pieces, sessions: Iterable<string> = [...this.#sessions.keys()]): void {
    for (const session of sessions) this.send(session, message);
  }

  /** Ends the streams of the server's own messages and forgets what is kept; answers on their way still go out. */
  endSession(session: string): void {
    const own = this.#sessions.get(session);
    for (const stream of own?.streams.values() ?? [])
      if (stream.kind === 'get' || stream.ended) this.#end(stream);
  }

  /** Ends every connection; clients may come back, here or to the next replica. */
  close(): void {
    clearInterval(this.#timer);
    for (const { streams } of this.#sessions.values())
      for (const stream of streams.values()) stream.disconnect();
  }

  /** Forgets what was kept long enough. */
  sweep(): void {
    const until = this.#now() - this.#limits.keepMs;
    for (const [stream, since] of this.#idle) {
      if (since > until) break;
      this.#forget(stream);
    }
  }

  #added(stream: ResumableStream, cost: number): void {
    const own = this.#sessions.get(stream.session);
    // A stream that was forgotten while its client listens keeps nothing.
    if (own?.streams.get(stream.name) !== stream) {
      stream.shed();
      return;
    }
    this.#sessions.delete(stream.session);
    this.#sessions.set(stream.session, own);
    this.#count(own, cost, 1);
    const { sessionEvents, sessionBytes } = this.#limits;
    if (cost > sessionBytes) this.#shed(own, stream, stream.length);
    while (own.events > sessionEvents || own.bytes > sessionBytes)
      if (!this.#shedOldest(own)) break;
    this.#makeRoom();
  }

  #makeRoom(): void {
    for (const own of this.#sessions.values()) {
      while (this.#bytes > this.#limits.totalBytes) if (!this.#shedOldest(own)) break;
      if (this.#bytes <= this.#limits.totalBytes) return;
    }
  }

  /** Gives up one event, or one empty stream that nobody listens to; false when the session has neither. */
  #shedOldest(own: OfSession): boolean {
    let chosen: ResumableStream | undefined;
    for (const stream of own.streams.values()) {
      if (stream.length === 0 && !this.#idle.has(stream)) continue;
      // What is over has the least to lose.
      if (stream.ended) {
        chosen = stream;
        break;
      }
      chosen ??= stream;
    }
    if (!chosen) return false;
    this.#shed(own, chosen, 1);
    if (chosen.length === 0 && this.#idle.has(chosen)) this.#forget(chosen);
    return true;
  }

  #shed(own: OfSession, stream: ResumableStream, events: number): void {
    for (let i = 0; i < events; i++) {
      const before = stream.length;
      const cost = stream.shed();
      this.#count(own, -cost, stream.length - before);
    }
  }

  #touched(stream: ResumableStream): void {
    if (!this.#sessions.get(stream.session)?.streams.has(stream.name)) return;
    this.#idle.delete(stream);
    // An answer that is still being worked on is waited for however long its client is away.
    const waits = stream.kind === 'post' && !stream.ended;
    if (!stream.connected && !waits) this.#idle.set(stream, this.#now());
  }

  #end(stream: ResumableStream): void {
    stream.end();
    this.#forget(stream);
  }

  #forget(stream: ResumableStream): void {
    this.#idle.delete(stream);
    const own = this.#sessions.get(stream.session);
    if (!own?.streams.delete(stream.name)) return;
    while (stream.length > 0) this.#shed(own, stream, 1);
    this.#count(own, -STREAM_COST, 0);
    if (own.streams.size === 0) this.#sessions.delete(stream.session);
  }

  #count(own: OfSession, bytes: number, events: number): void {
    own.bytes += bytes;
    own.events += events;
    this.#bytes += bytes;
  }
}

function suffixOf(request: string): string {
  if (request === '' || Buffer.byteLength(request) > LONGEST_REQUEST) return '';
  return `.${Buffer.from(request).toString('base64url')}`;
}

/** The JSON text of a request's id; undefined when it is none. */
function requestOf(encoded: string): string | undefined {
  const text = Buffer.from(encoded, 'base64url').toString();
  try {
    const id: unknown = JSON.parse(text);
    const isId = typeof id === 'string' || typeof id === 'number';
    // White space around it could end the line that it is sent in.
    return isId && text === text.trim() ? text : undefined;
  } catch {
    return undefined;
  }
}
