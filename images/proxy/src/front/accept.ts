/** Which of the two forms of an answer a client takes (RFC 9110 section 12.5.1, without weights but zero). */
export interface Accepts {
  readonly json: boolean;
  readonly stream: boolean;
}

export function readAccept(header: string | undefined): Accepts {
  if (header === undefined) return { json: true, stream: false };
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
