/** A text member added to a request's `_meta`; all other bytes stay as the client wrote them. */
import type { ClientRequest } from './message.ts';
import { eachMember, type Span } from './scan.ts';

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Where the member of an object stands; undefined when it has none of that name. */
function memberAt(bytes: Buffer, at: number, name: string): Span | undefined {
  let found: Span | undefined;
  eachMember(bytes, at, (key, span) => {
    if (key === name) found = span;
    return found === undefined;
  });
  return found;
}

/** Puts `text` behind the brace that opens the object at `at`; a comma follows unless the object is empty. */
function insertion(object: object, at: number, text: string) {
  return { at: at + 1, text: Object.keys(object).length === 0 ? text : `${text},` };
}

function place(request: ClientRequest, member: string): { at: number; text: string } | undefined {
  const { bytes, params } = request;
  const paramsSpan = memberAt(bytes, 0, 'params');
  const inMeta = `"_meta":{${member}}`;
  if (!paramsSpan) {
    const open = bytes.indexOf('{');
    return { at: open + 1, text: `"params":{${inMeta}},` };
  }
  const meta = memberAt(bytes, paramsSpan.start, '_meta');
  if (!meta) return insertion(params, paramsSpan.start, inMeta);
  return isObject(params._meta) ? insertion(params._meta, meta.start, member) : undefined;
}

/** The request with `_meta[name]` = `value`; unchanged when it has one, or a `_meta` that is no object. */
export function withMeta(request: ClientRequest, name: string, value: string): ClientRequest {
  const { bytes, params, idSpan, progressToken, argumentsSpan } = request;
  const meta = isObject(params._meta) ? params._meta : {};
  if (name in meta) return request;
  const found = place(request, `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  if (!found) return request;
  const added = Buffer.from(found.text);
  const moved = ({ start, end }: Span): Span => {
    // Nothing that is pointed at lies around the new bytes: spans are before them or behind.
    const by = start >= found.at ? added.length : 0;
    return { start: start + by, end: end + by };
  };
  return {
    ...request,
    bytes: Buffer.concat([bytes.subarray(0, found.at), added, bytes.subarray(found.at)]),
    params: { ...params, _meta: { ...meta, [name]: value } },
    idSpan: moved(idSpan),
    ...(progressToken ? { progressToken: moved(progressToken) } : {}),
    ...(argumentsSpan ? { argumentsSpan: moved(argumentsSpan) } : {}),
  };
}
