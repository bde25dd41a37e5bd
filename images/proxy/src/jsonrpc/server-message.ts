/** JSON-RPC messages from the server: told apart by their outermost keys alone, never decoded as a whole. */
import { eachMember, type Span, skipSpace, splice } from './scan.ts';

/** A request of the server to a client. */
export interface ServerRequest {
  readonly kind: 'request';
  readonly method: string;
  /** The id as the server wrote it: JSON text. */
  readonly id: string;
  readonly idSpan: Span;
  readonly bytes: Buffer;
}

export interface ServerResponse {
  readonly kind: 'response';
  /** The id that we gave the request. */
  readonly id: number;
  readonly failed: boolean;
  readonly bytes: Buffer;
  readonly idSpan: Span;
}

export type ServerMessage =
  | ServerResponse
  | ServerRequest
  | { readonly kind: 'notification'; readonly method: string; readonly bytes: Buffer };

const text = (bytes: Buffer, span: Span) => bytes.toString('utf8', span.start, span.end);

function stringAt(bytes: Buffer, span: Span): string | undefined {
  try {
    const value: unknown = JSON.parse(text(bytes, span));
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Reads one line of a server; undefined when it is not a JSON-RPC message. */
export function readServerMessage(bytes: Buffer): ServerMessage | undefined {
  const found: { id?: Span; method?: Span; outcome?: 'result' | 'error' } = {};
  const end = eachMember(bytes, 0, (key, span) => {
    if (key === 'id' || key === 'method') found[key] = span;
    else if (key === 'result' || key === 'error') found.outcome = key;
    // The usual order has the id in front of the result: no need to walk through a large one.
    return !(found.id && found.outcome);
  });
  if (end < 0 || bytes[lastByte(bytes)] !== 0x7d) return undefined;
  if (found.method) {
    const method = stringAt(bytes, found.method);
    if (method === undefined) return undefined;
    if (!found.id) return { kind: 'notification', method, bytes };
    return { kind: 'request', method, id: text(bytes, found.id), idSpan: found.id, bytes };
  }
  if (!found.id || !found.outcome) return undefined;
  const id = text(bytes, found.id);
  if (!/^\d{1,15}$/.test(id)) return undefined;
  return {
    kind: 'response',
    id: Number(id),
    failed: found.outcome === 'error',
    bytes,
    idSpan: found.id,
  };
}

function lastByte(bytes: Buffer): number {
  let i = bytes.length - 1;
  while (i >= 0 && skipSpace(bytes, i) !== i) i--;
  return i;
}

/** The response with the client's own id; pieces that share memory with the original. */
export function withClientId(response: ServerResponse, id: string): Buffer[] {
  return splice(response.bytes, [{ span: response.idSpan, value: id }]);
}

/** Where `params.<field>` stands in a notification. */
export function paramSpan(bytes: Buffer, field: string): Span | undefined {
  let span: Span | undefined;
  eachMember(bytes, 0, (key, params) => {
    if (key !== 'params') return true;
    eachMember(bytes, params.start, (name, value) => {
      if (name === field) span = value;
      return span === undefined;
    });
    return false;
  });
  return span;
}

/** The text of `params.<field>` in a notification, when it is a string. */
export function paramString(bytes: Buffer, field: string): string | undefined {
  const span = paramSpan(bytes, field);
  return span && stringAt(bytes, span);
}

/** Where the result of a response stands. */
export function resultSpan(bytes: Buffer): Span | undefined {
  let span: Span | undefined;
  eachMember(bytes, 0, (key, value) => {
    if (key === 'result') span = value;
    return span === undefined;
  });
  return span;
}

const IS_ERROR = /"isError"\s*:\s*true/;
/** Up to this size a suspicion is checked by decoding the answer; beyond it the byte pattern decides. */
const CHECKED_BYTES = 1024 * 1024;

/**
 * True for a tool result that reports an error (`result.isError`). Inside a JSON string the key's quotes are
 * escaped, so the bytes `"isError"` can only be a key.
 */
export function isToolError(bytes: Buffer): boolean {
  const at = bytes.indexOf('"isError"');
  if (at < 0) return false;
  if (bytes.length > CHECKED_BYTES) return IS_ERROR.test(bytes.toString('latin1', at, at + 64));
  try {
    const message = JSON.parse(bytes.toString('utf8')) as { result?: { isError?: unknown } };
    return message.result?.isError === true;
  } catch {
    return false;
  }
}

const HEAD_ID = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*,/;
const TAIL_ID = /"id"\s*:\s*(\d{1,15})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/;

/** The id in the first or last bytes of a response that was too large to keep. */
export function idOfOversize(head: Buffer, tail: Buffer): number | undefined {
  const found =
    HEAD_ID.exec(head.toString('latin1'))?.[1] ?? TAIL_ID.exec(tail.toString('latin1'))?.[1];
  return found === undefined ? undefined : Number(found);
}
