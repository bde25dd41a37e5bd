/** Finds secrets in any bytes: whole or in pieces, in every form of `formsOf`. Pure. */
import { formsOf, type Secret } from './secret.ts';

/** A piece of so many bytes is a find. */
export const PIECE = 12;
/** So many bytes are looked at first; of any piece, one look in `STEP` bytes meets one of its grams. */
const GRAM = 4;
const STEP = PIECE - GRAM + 1;
const TABLE_BITS = 22;

export interface Hit {
  readonly secret: string;
  readonly form: string;
}

export class Detector {
  /** Every piece of every form, as Latin-1 text. */
  readonly #pieces = new Map<string, Hit>();
  /** One bit for each hash of the grams in them: small enough for a processor's cache. */
  readonly #grams = new Int32Array(1 << (TABLE_BITS - 5));

  constructor(secrets: readonly Secret[]) {
    for (const { name, value } of secrets)
      for (const form of formsOf(value)) this.#learn(form.bytes, { secret: name, form: form.name });
  }

  /** What is in bytes or text that are here as a whole. */
  find(content: Buffer | string): readonly Hit[] {
    const scan = this.open();
    scan.push(typeof content === 'string' ? Buffer.from(content) : content);
    return scan.hits;
  }

  /** Looks through content that comes in chunks. */
  open(): Scan {
    return new Scan((chunk, hits) => this.#search(chunk, hits));
  }

  #learn(bytes: Buffer, hit: Hit): void {
    for (let at = 0; at + GRAM <= bytes.length; at++) {
      const found = hash(bytes.readInt32LE(at));
      this.#grams[found >>> 5] = (this.#grams[found >>> 5] ?? 0) | (1 << found);
    }
    for (let at = 0; at + PIECE <= bytes.length; at++) {
      const piece = bytes.toString('latin1', at, at + PIECE);
      if (!this.#pieces.has(piece)) this.#pieces.set(piece, hit);
    }
  }

  /** Looks at a few bytes in each `STEP`; only where they are a secret's, at the pieces around. */
  #search(chunk: Buffer, hits: Set<Hit>): void {
    const grams = this.#grams;
    const lastPiece = chunk.length - PIECE;
    for (let at = 0; at <= chunk.length - GRAM; at += STEP) {
      const gram = hash(chunk.readInt32LE(at));
      if (((grams[gram >>> 5] ?? 0) & (1 << gram)) === 0) continue;
      for (let from = Math.max(0, at - STEP + 1); from <= Math.min(at, lastPiece); from++) {
        const hit = this.#pieces.get(chunk.toString('latin1', from, from + PIECE));
        if (hit !== undefined) hits.add(hit);
      }
    }
  }
}

/** Multiplicative hashing (Knuth, The Art of Computer Programming, volume 3, 6.4). */
const hash = (gram: number) => Math.imul(gram, 0x9e3779b1) >>> (32 - TABLE_BITS);

/** One pass through content in chunks; a piece may lie across any number of them. */
export class Scan {
  bytes = 0;
  readonly #search: (chunk: Buffer, hits: Set<Hit>) => void;
  readonly #hits = new Set<Hit>();
  /** The end of what was seen, too short for a piece. */
  #tail = Buffer.alloc(0);

  constructor(search: (chunk: Buffer, hits: Set<Hit>) => void) {
    this.#search = search;
  }

  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.#tail.length > 0)
      this.#search(Buffer.concat([this.#tail, chunk.subarray(0, PIECE - 1)]), this.#hits);
    this.#search(chunk, this.#hits);
    this.#tail = Buffer.concat([this.#tail, chunk.subarray(-(PIECE - 1))]).subarray(-(PIECE - 1));
  }

  get hits(): readonly Hit[] {
    return [...this.#hits];
  }
}
