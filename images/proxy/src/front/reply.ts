/**
 * The answer to a POST. Plain JSON when nothing comes before the answer and it comes soon; an event stream as
 * soon as there is progress to tell, or when the wait gets long enough for proxies in between to give up.
 */
import type { ServerResponse } from 'node:http';
import type { Answer, Pieces } from '../upstream/upstream.ts';
import type { Accepts } from './accept.ts';
import { EventStream } from './event-stream.ts';

const PATIENCE_MS = 10_000;

const COMMA = Buffer.from(',');
const OPEN = Buffer.from('[');
const CLOSE = Buffer.from(']');

export class Reply {
  readonly #response: ServerResponse;
  readonly #accepts: Accepts;
  readonly #timer: NodeJS.Timeout | undefined;
  #stream: EventStream | undefined;

  constructor(response: ServerResponse, accepts: Accepts) {
    this.#response = response;
    this.#accepts = accepts;
    if (!accepts.stream) return;
    this.#timer = setTimeout(() => this.#open(), PATIENCE_MS);
    response.once('close', () => clearTimeout(this.#timer));
  }

  /** A message that comes before the answer; a client that takes JSON only does not hear it. */
  note(message: Pieces): void {
    if (this.#accepts.stream && !this.#response.destroyed) this.#open().send(message);
  }

  /** The answers to all requests of the POST. */
  finish(answers: readonly Answer[], { batch }: { batch: boolean }): void {
    clearTimeout(this.#timer);
    if (this.#response.destroyed) return;
    const [first] = answers;
    const retryAfter = batch ? undefined : first?.retryAfter;
    // A refusal keeps its status also for a client that takes streams only.
    if (this.#stream || (!this.#accepts.json && retryAfter === undefined)) {
      const stream = this.#open();
      for (const { message } of answers) stream.send(message);
      stream.end();
      return;
    }
    const pieces = batch ? joined(answers) : (first?.message ?? []);
    this.#response.writeHead(retryAfter === undefined ? 200 : (first?.status ?? 503), {
      'content-type': 'application/json',
      'content-length': pieces.reduce((sum, piece) => sum + piece.length, 0),
      'cache-control': 'no-store',
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    });
    this.#response.cork();
    for (const piece of pieces) this.#response.write(piece);
    this.#response.end();
    this.#response.uncork();
  }

  #open(): EventStream {
    this.#stream ??= new EventStream(this.#response);
    return this.#stream;
  }
}

function joined(answers: readonly Answer[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (const { message } of answers) pieces.push(pieces.length === 0 ? OPEN : COMMA, ...message);
  return [...pieces, CLOSE];
}
