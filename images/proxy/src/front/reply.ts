/**
 * The answer to a POST. Plain JSON when nothing comes before the answer and it comes soon; an event stream as
 * soon as there is progress to tell, or when the wait gets long enough for proxies in between to give up.
 */
import type { ServerResponse } from 'node:http';
import type { Answer, Pieces } from '../upstream/upstream.ts';
import type { Accepts } from './accept.ts';
import type { MessageStream } from './event-stream.ts';
import type { Outflow } from './outflow.ts';

export interface ReplyOptions {
  readonly response: ServerResponse;
  readonly accepts: Accepts;
  readonly outflow: Outflow;
  /** Ids of the requests of the POST, as JSON text. */
  readonly ids: readonly string[];
  /** Turns the response into a stream. */
  openStream(): MessageStream;
}

const PATIENCE_MS = 10_000;
/** Below this size, copying an answer together costs less than passing its pieces on. */
const SMALL_BYTES = 16 * 1024;

const COMMA = Buffer.from(',');
const OPEN = Buffer.from('[');
const CLOSE = Buffer.from(']');

export class Reply {
  readonly #options: ReplyOptions;
  readonly #timer: NodeJS.Timeout | undefined;
  #stream: MessageStream | undefined;

  constructor(options: ReplyOptions) {
    this.#options = options;
    const { accepts, response } = options;
    if (!accepts.stream) return;
    this.#timer = setTimeout(() => this.#open(), PATIENCE_MS);
    response.once('close', () => clearTimeout(this.#timer));
  }

  /** A message that comes before the answer; a client that takes JSON only does not hear it. */
  note(message: Pieces): void {
    if (!this.#options.accepts.stream) return;
    // A stream that lost its connection goes on, for the client may come back to it.
    if (this.#stream || !this.#options.response.destroyed) this.#open().send(message);
  }

  /** The answers to all requests of the POST, in their order. */
  finish(answers: readonly Answer[], { batch }: { batch: boolean }): void {
    clearTimeout(this.#timer);
    const { response, accepts, ids } = this.#options;
    // The client left before anything told it how to come back.
    if (!this.#stream && response.destroyed) return;
    const refused = !batch && answers[0]?.retryAfter !== undefined;
    // A refusal keeps its status also for a client that takes streams only.
    if (this.#stream || (!accepts.json && !refused)) {
      const stream = this.#open();
      for (const [i, { message }] of answers.entries()) stream.send(message, ids[i]);
      stream.end();
      return;
    }
    this.#sendJson(answers, batch);
  }

  #sendJson(answers: readonly Answer[], batch: boolean): void {
    const { response, outflow } = this.#options;
    const [first] = answers;
    const retryAfter = batch ? undefined : first?.retryAfter;
    const pieces = batch ? joined(answers) : (first?.message ?? []);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    response.writeHead(retryAfter === undefined ? 200 : (first?.status ?? 503), {
      'content-type': 'application/json',
      'content-length': length,
      'cache-control': 'no-store',
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    });
    if (length <= SMALL_BYTES) response.end(Buffer.concat(pieces, length));
    else {
      response.cork();
      for (const piece of pieces) response.write(piece);
      response.end();
      response.uncork();
    }
    outflow.wrote(response, length);
  }

  #open(): MessageStream {
    this.#stream ??= this.#options.openStream();
    return this.#stream;
  }
}

function joined(answers: readonly Answer[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (const { message } of answers) pieces.push(pieces.length === 0 ? OPEN : COMMA, ...message);
  return [...pieces, CLOSE];
}
