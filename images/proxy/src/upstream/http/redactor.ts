/**
 * Takes our credentials out of what the server sends: servers quote the arguments of a call in their errors, some
 * of them shortened in the middle.
 */
const REPLACEMENT = Buffer.from('[redacted]');
/** Shorter values are names, such as a role, and may stand in any result. */
export const SHORTEST_CREDENTIAL = 16;
/** A beginning or an end of this length gives a credential away, if it has both letters and digits. */
const PART = 8;

interface Needle {
  readonly whole: Buffer;
  readonly begin: Buffer | undefined;
  readonly end: Buffer | undefined;
}

const isTelling = (text: string) => /[0-9]/.test(text) && /[A-Za-z]/.test(text);

function needle(value: string): Needle {
  const part = (text: string) => (isTelling(text) ? Buffer.from(text) : undefined);
  return {
    whole: Buffer.from(value),
    begin: part(value.slice(0, PART)),
    end: part(value.slice(-PART)),
  };
}

/** The credential in a header's or argument's value: what stands behind a scheme such as Bearer. */
export const bare = (value: string) => value.replace(/^(Bearer|Basic|Token|ApiKey) +/i, '');

export class Redactor {
  readonly #needles: readonly Needle[];

  constructor(values: readonly string[]) {
    const long = values.map(bare).filter((value) => value.length >= SHORTEST_CREDENTIAL);
    const forms = long.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]);
    this.#needles = [...new Set(forms)].sort((a, b) => b.length - a.length).map(needle);
  }

  bytes(given: Buffer): Buffer {
    let bytes = given;
    for (const { whole } of this.#needles)
      bytes = cut(bytes, whole, (at) => [at, at + whole.length]);
    for (const { whole, begin, end } of this.#needles) {
      if (begin) bytes = cut(bytes, begin, (at) => [at, matchForward(bytes, at, whole)]);
      if (end) bytes = cut(bytes, end, (at) => [matchBackward(bytes, at + PART, whole), at + PART]);
    }
    return bytes;
  }

  text(given: string): string {
    return this.bytes(Buffer.from(given)).toString('utf8');
  }
}

function matchForward(bytes: Buffer, at: number, whole: Buffer): number {
  let length = PART;
  while (length < whole.length && bytes[at + length] === whole[length]) length++;
  return at + length;
}

function matchBackward(bytes: Buffer, end: number, whole: Buffer): number {
  let length = PART;
  while (length < whole.length && bytes[end - 1 - length] === whole[whole.length - 1 - length])
    length++;
  return end - length;
}

/** Replaces what `span` says for each place of `wanted`. */
function cut(bytes: Buffer, wanted: Buffer, span: (at: number) => [number, number]): Buffer {
  let at = bytes.indexOf(wanted);
  if (at < 0) return bytes;
  const pieces: Buffer[] = [];
  let from = 0;
  while (at >= 0) {
    const [start, end] = span(at);
    pieces.push(bytes.subarray(from, Math.max(from, start)), REPLACEMENT);
    from = end;
    at = bytes.indexOf(wanted, from);
  }
  pieces.push(bytes.subarray(from));
  return Buffer.concat(pieces);
}
