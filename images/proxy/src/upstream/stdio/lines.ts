/**
 * Cuts a byte stream into lines, in a time that grows with its length alone, however it is chunked; of a line
 * above the limit only both ends are kept.
 */

export interface LineHandlers {
  /** A line without its line break; never empty. */
  line(bytes: Buffer): void;
  /** A line of more than the limit: its first and last bytes, and its length. */
  oversize(head: Buffer, tail: Buffer, length: number): void;
}

/** Enough to find a JSON-RPC id at either end of a message. */
export const KEPT_BYTES = 1024;

/** Pieces below this size are merged. */
const SMALL_BYTES = 16 * 1024;

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const NOTHING = Buffer.alloc(0);

export class LineSplitter {
  readonly #limit: number;
  readonly #handlers: LineHandlers;
  #chunks: Buffer[] = [];
  #length = 0;
  /** First bytes of a line that is being thrown away. */
  #head: Buffer | undefined;
  #tail: Buffer = NOTHING;

  /** `limit`: longest line in bytes; more than `KEPT_BYTES`. */
  constructor(limit: number, handlers: LineHandlers) {
    this.#limit = limit;
    this.#handlers = handlers;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, from);
      if (end < 0) break;
      // Nearly every line lies whole in its chunk.
      if (this.#length === 0 && end - from <= this.#limit) this.#whole(chunk.subarray(from, end));
      else {
        this.#add(chunk.subarray(from, end));
        this.#finish();
      }
      from = end + 1;
    }
    if (from < chunk.length) this.#add(chunk.subarray(from));
  }

  #add(part: Buffer): void {
    if (part.length === 0) return;
    this.#length += part.length;
    if (this.#head === undefined) {
      this.#chunks.push(part);
      this.#mergeSmall();
      if (this.#length <= this.#limit) return;
      this.#head = Buffer.from(Buffer.concat(this.#chunks).subarray(0, KEPT_BYTES));
      this.#keepTail(this.#chunks);
      this.#chunks = [];
    } else this.#keepTail([part]);
  }

  /** Pieces of a few bytes would cost more than what they hold. */
  #mergeSmall(): void {
    for (;;) {
      const last = this.#chunks.at(-1);
      const before = this.#chunks.at(-2);
      if (!last || !before || before.length > last.length || before.length >= SMALL_BYTES) return;
      this.#chunks.splice(-2, 2, Buffer.concat([before, last]));
    }
  }

  #keepTail(parts: readonly Buffer[]): void {
    const last = parts.map((part) => part.subarray(-KEPT_BYTES));
    this.#tail = Buffer.from(Buffer.concat([this.#tail, ...last]).subarray(-KEPT_BYTES));
  }

  #finish(): void {
    const length = this.#length;
    const head = this.#head;
    const [first] = this.#chunks;
    const line = this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks);
    const tail = this.#tail;
    this.#chunks = [];
    this.#length = 0;
    this.#head = undefined;
    this.#tail = NOTHING;
    if (head !== undefined) this.#handlers.oversize(head, tail, length);
    else this.#whole(line);
  }

  #whole(line: Buffer): void {
    const text = line.at(-1) === RETURN ? line.subarray(0, -1) : line;
    if (text.length > 0) this.#handlers.line(text);
  }
}
