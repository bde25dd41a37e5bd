/** Which of the two forms of an answer a client takes (RFC 9110 section 12.5.1, without weights but zero). */
export interface Accepts {
  readonly json: boolean;
  readonly stream: boolean;
}

const NONE: Accepts = { json: true, stream: false };
/** A program sends the same header all its life: those seen last, read already. */
const seen = new Map<string, Accepts>();
const REMEMBERED = 32;
const LONGEST_REMEMBERED = 256;

export function readAccept(header: string | undefined): Accepts {
  if (header === undefined) return NONE;
  const known = seen.get(header);
  if (known) return known;
  const accepts = parse(header);
  if (header.length > LONGEST_REMEMBERED) return accepts;
  if (seen.size >= REMEMBERED) seen.clear();
  seen.set(header, accepts);
  return accepts;
}

function parse(header: string): Accepts {
  const types = new Set<string>();
  for (const part of header.toLowerCase().split(',')) {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim());
    if (!parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) types.add(type);
  }
  const any = types.has('*/*');
  return {
    json: any || types.has('application/json') || types.has('application/*'),
    stream: types.has('text/event-stream') || types.has('text/*'),
  };
}
