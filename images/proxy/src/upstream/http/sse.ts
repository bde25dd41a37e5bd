/**
 * Reads an event stream (html.spec.whatwg.org, "Server-sent events") from its bytes, in a time that grows with
 * their number alone, however they are chunked. Of an event above the limit only both ends are kept.
 */
import { KEPT_BYTES } from '../stdio/lines.ts';

export interface StreamEvent {
  /** The field `event`; "message" when left out. */
  readonly type: string;
  readonly data: Buffer;
}

export interface SseHandlers {
  event(event: StreamEvent): void;
  /** An event of more than the limit: first and last bytes of its data, and its length. */
  oversize(head: Buffer, tail: Buffer, length: number): void;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const NEWLINE = Buffer.from('\n');
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
/** Names, ids and types are short; what is added to the limit for them. */
const BESIDE_DATA = 1024;
/** Pieces below this size are merged. */
const SMALL_BYTES = 16 * 1024;

export class SseParser {
  /** The last id that the server gave; where a stream is taken up again. */
  lastEventId: string | undefined;
  /** How long the server asks to wait before the stream is taken up again, in milliseconds. */
  retryMs: number | undefined;
  readonly #limit: number;
  readonly #handlers: SseHandlers;
  #line: Buffer[] = [];
  #lineLength = 0;
  #firstLine = true;
  #afterReturn = false;
  #type = '';
  #id: string | undefined;
  #data: Buffer[] = [];
  #dataLength = 0;
  /** First bytes of the data of an event that is being thrown away. */
  #head: Buffer | undefined;
  #tail: Buffer = Buffer.alloc(0);

  /** `limit`: most bytes of data in one event. */
  constructor(limit: number, handlers: SseHandlers) {
    this.#limit = limit;
    this.#handlers = handlers;
  }

  push(chunk: Buffer): void {
    let from = this.#afterReturn && chunk[0] === LF ? 1 : 0;
    if (chunk.length > 0) this.#afterReturn = false;
    // Each byte is looked for once: the place of a line break is kept until it has been passed.
    let lf = chunk.indexOf(LF, from);
    let cr = chunk.indexOf(CR, from);
    while (from < chunk.length) {
      if (lf >= 0 && lf < from) lf = chunk.indexOf(LF, from);
      if (cr >= 0 && cr < from) cr = chunk.indexOf(CR, from);
      const end = lf < 0 ? cr : cr < 0 ? lf : Math.min(lf, cr);
      if (end < 0) {
        this.#take(chunk.subarray(from));
        return;
      }
      this.#take(chunk.subarray(from, end));
      this.#endLine();
      from = end + 1;
      if (end !== cr) continue;
      if (from === chunk.length) this.#afterReturn = true;
      else if (chunk[from] === LF) from++;
    }
  }

  #take(part: Buffer): void {
    if (part.length === 0) return;
    const comment = (this.#line[0] ?? part)[0] === COLON;
    this.#lineLength += part.length;
    if (comment) {
      this.#line = [this.#line[0] ?? part.subarray(0, 1)];
      return;
    }
    if (this.#head !== undefined) {
      this.#line = [this.#line[0] ?? part.subarray(0, 1)];
      this.#keepTail(part);
      return;
    }
    this.#line.push(part);
    mergeSmall(this.#line);
    if (this.#lineLength + this.#dataLength > this.#limit + BESIDE_DATA) this.#giveUp();
  }

  /** From now on this event is thrown away. */
  #giveUp(): void {
    const line = Buffer.concat(this.#line);
    const all = Buffer.concat([...this.#data, fieldValue(line)]);
    this.#head = Buffer.from(all.subarray(0, KEPT_BYTES));
    this.#tail = Buffer.from(all.subarray(-KEPT_BYTES));
    this.#data = [];
    this.#line = [Buffer.from(line.subarray(0, 1))];
  }

  #keepTail(part: Buffer): void {
    this.#tail = Buffer.from(
      Buffer.concat([this.#tail, part.subarray(-KEPT_BYTES)]).subarray(-KEPT_BYTES),
    );
  }

  #endLine(): void {
    const length = this.#lineLength;
    const [only] = this.#line;
    let line = this.#line.length === 1 && only ? only : Buffer.concat(this.#line);
    this.#line = [];
    this.#lineLength = 0;
    if (this.#firstLine && line.subarray(0, BOM.length).equals(BOM))
      line = line.subarray(BOM.length);
    this.#firstLine = false;
    if (length === 0) this.#dispatch();
    else if (this.#head !== undefined) this.#dataLength += length;
    else if (line[0] !== COLON) this.#field(line);
  }

  #field(line: Buffer): void {
    const colon = line.indexOf(COLON);
    const name = line.toString('utf8', 0, colon < 0 ? line.length : colon);
    const value = fieldValue(line);
    switch (name) {
      case 'data':
        if (this.#data.length > 0) this.#data.push(NEWLINE);
        this.#data.push(value);
        this.#dataLength += value.length + 1;
        // Lines without anything in them cost memory as well.
        mergeSmall(this.#data);
        if (this.#dataLength > this.#limit + 1) this.#giveUp();
        return;
      case 'event':
        this.#type = value.toString('utf8');
        return;
      case 'id':
        if (!value.includes(0)) this.#id = value.toString('utf8');
        return;
      case 'retry': {
        const text = value.toString('latin1');
        if (/^\d{1,9}$/.test(text)) this.retryMs = Number(text);
      }
    }
  }

  #dispatch(): void {
    const data = this.#data;
    const head = this.#head;
    const length = this.#dataLength;
    const type = this.#type || 'message';
    if (this.#id !== undefined) this.lastEventId = this.#id;
    this.#type = '';
    this.#data = [];
    this.#dataLength = 0;
    this.#head = undefined;
    const [only] = data;
    if (head !== undefined) this.#handlers.oversize(head, this.#tail, length);
    else if (only)
      this.#handlers.event({ type, data: data.length === 1 ? only : Buffer.concat(data) });
  }
}

/** What stands behind the colon and one space. */
function fieldValue(line: Buffer): Buffer {
  const colon = line.indexOf(COLON);
  if (colon < 0) return Buffer.alloc(0);
  return line.subarray(line[colon + 1] === SPACE ? colon + 2 : colon + 1);
}

/** Pieces of a few bytes would cost more than what they hold. */
function mergeSmall(pieces: Buffer[]): void {
  for (;;) {
    const last = pieces.at(-1);
    const before = pieces.at(-2);
    if (!last || !before || before.length > last.length || before.length >= SMALL_BYTES) return;
    pieces.splice(-2, 2, Buffer.concat([before, last]));
  }
}
