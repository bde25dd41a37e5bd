/**
 * Finds members of a JSON object in its bytes without decoding the rest, so that a message can be passed on
 * as it came with only its id exchanged: numbers keep every digit and a large result is never built in memory.
 * The bytes are expected to be valid UTF-8 JSON; on anything else the functions answer -1, they never throw.
 */

/** Where a value stands in its bytes: from `start` up to, not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = { object: 0x7b, array: 0x5b };
const CLOSE = { object: 0x7d, array: 0x5d };

const isSpace = (byte: number | undefined) =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Index of the first byte at or behind `at` that is not white space. */
export function skipSpace(bytes: Buffer, at: number): number {
  let i = at;
  while (isSpace(bytes[i])) i++;
  return i;
}

function skipString(bytes: Buffer, at: number): number {
  let from = at + 1;
  for (;;) {
    const quote = bytes.indexOf(QUOTE, from);
    if (quote < 0) return -1;
    let escapes = 0;
    while (quote - 1 - escapes > at && bytes[quote - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

/** Index behind the value that starts at `at`, or -1. */
export function skipValue(bytes: Buffer, at: number): number {
  const first = bytes[at];
  if (first === undefined) return -1;
  if (first === QUOTE) return skipString(bytes, at);
  let i = at;
  if (first === OPEN.object || first === OPEN.array) {
    let depth = 0;
    while (i < bytes.length) {
      const byte = bytes[i];
      if (byte === QUOTE) {
        i = skipString(bytes, i);
        if (i < 0) return -1;
        continue;
      }
      i++;
      if (byte === OPEN.object || byte === OPEN.array) depth++;
      else if (byte === CLOSE.object || byte === CLOSE.array) {
        depth--;
        if (depth === 0) return i;
      }
    }
    return -1;
  }
  for (; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === COMMA || byte === CLOSE.object || byte === CLOSE.array || isSpace(byte)) break;
  }
  return i === at ? -1 : i;
}

function keyAt(bytes: Buffer, start: number, end: number): string {
  const raw = bytes.toString('utf8', start, end);
  if (!raw.includes('\\')) return raw.slice(1, -1);
  try {
    return JSON.parse(raw) as string;
  } catch {
    return raw;
  }
}

/**
 * Visits the members of the object at `at` in order, until `visit` returns false.
 * Returns the index behind the last byte looked at, or -1 when there is no well-formed object.
 */
export function eachMember(
  bytes: Buffer,
  at: number,
  visit: (key: string, value: Span) => boolean,
): number {
  let i = skipSpace(bytes, at);
  if (bytes[i] !== OPEN.object) return -1;
  i = skipSpace(bytes, i + 1);
  if (bytes[i] === CLOSE.object) return i + 1;
  for (;;) {
    if (bytes[i] !== QUOTE) return -1;
    const keyEnd = skipString(bytes, i);
    if (keyEnd < 0) return -1;
    const key = keyAt(bytes, i, keyEnd);
    i = skipSpace(bytes, keyEnd);
    if (bytes[i] !== COLON) return -1;
    const start = skipSpace(bytes, i + 1);
    const end = skipValue(bytes, start);
    if (end < 0) return -1;
    if (!visit(key, { start, end })) return end;
    i = skipSpace(bytes, end);
    if (bytes[i] === CLOSE.object) return i + 1;
    if (bytes[i] !== COMMA) return -1;
    i = skipSpace(bytes, i + 1);
  }
}

/** The elements of the array at `at`, or undefined when there is no well-formed array. */
export function elements(bytes: Buffer, at: number): Span[] | undefined {
  const spans: Span[] = [];
  let i = skipSpace(bytes, at);
  if (bytes[i] !== OPEN.array) return undefined;
  i = skipSpace(bytes, i + 1);
  if (bytes[i] === CLOSE.array) return spans;
  for (;;) {
    const end = skipValue(bytes, i);
    if (end < 0) return undefined;
    spans.push({ start: i, end });
    i = skipSpace(bytes, end);
    if (bytes[i] === CLOSE.array) return spans;
    if (bytes[i] !== COMMA) return undefined;
    i = skipSpace(bytes, i + 1);
  }
}

/** One exchange of bytes: what stands at `span` becomes `value`. */
export interface Edit {
  readonly span: Span;
  readonly value: string;
}

/** The bytes with the edits applied, as pieces that share memory with the original. */
export function splice(bytes: Buffer, edits: readonly Edit[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { span, value } of [...edits].sort((a, b) => a.span.start - b.span.start)) {
    pieces.push(bytes.subarray(from, span.start), Buffer.from(value));
    from = span.end;
  }
  pieces.push(bytes.subarray(from));
  return pieces;
}

/** True when the bytes contain a line break, which JSON allows only as white space. */
export const hasLineBreak = (bytes: Buffer) => bytes.includes(0x0a) || bytes.includes(0x0d);

/** The same JSON on one line. */
export function onOneLine(bytes: Buffer): Buffer {
  if (!hasLineBreak(bytes)) return bytes;
  return bytes.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)) as Buffer;
}

/** How deeply objects and arrays of the JSON value are nested. */
export function depthOf(bytes: Buffer): number {
  let deepest = 0;
  let depth = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      i = skipString(bytes, i) - 1;
      if (i < 0) break;
    } else if (byte === OPEN.object || byte === OPEN.array) deepest = Math.max(deepest, ++depth);
    else if (byte === CLOSE.object || byte === CLOSE.array) depth--;
  }
  return deepest;
}
