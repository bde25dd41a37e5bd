/**
 * JSON-RPC messages from clients: checked completely, kept as the bytes they came in, with the places of what
 * has to be exchanged on the way to a server that many clients share.
 */
import { depthOf, type Edit, eachMember, elements, onOneLine, type Span, splice } from './scan.ts';

export type JsonObject = { readonly [key: string]: unknown };

/** Codes of JSON-RPC 2.0 section 5.1, and the two that MCP's SDKs use for a lost or late answer. */
export const CODE = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  connectionClosed: -32000,
  requestTimeout: -32001,
} as const;

/** A message that is not JSON-RPC; `code` is what the answer carries. */
export class MessageError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = 'MessageError';
    this.code = code;
  }
}

interface Common {
  /** The message's own JSON, on one line. */
  readonly bytes: Buffer;
}

export interface ClientRequest extends Common {
  readonly kind: 'request';
  readonly method: string;
  readonly params: JsonObject;
  /** The id as the client wrote it: JSON text of a string or a number, kept to the last digit. */
  readonly id: string;
  readonly idSpan: Span;
  /** Where the value of `params._meta.progressToken` stands, when the client wants to hear of progress. */
  readonly progressToken?: Span;
  /** Where the value of `params.arguments` stands. */
  readonly argumentsSpan?: Span;
}

export interface ClientNotification extends Common {
  readonly kind: 'notification';
  readonly method: string;
  readonly params: JsonObject;
}

export interface ClientResponse extends Common {
  readonly kind: 'response';
  /** The id as the client wrote it: JSON text of a string or a number. */
  readonly id: string;
  readonly idSpan: Span;
}

export type ClientMessage = ClientRequest | ClientNotification | ClientResponse;

export interface Payload {
  readonly batch: boolean;
  readonly messages: readonly ClientMessage[];
}

/** More than any client sends at once; the limit that the TypeScript SDK sets since 1.30.1. */
const MAX_BATCH = 100;
/** The parser of the Python SDK gives up at 200 levels, and then nobody answers the request. */
const DEEPEST = 128;
/** An unpaired surrogate in an escape: JSON.parse takes it, stricter parsers refuse the whole line. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const invalid = (reason: string) => new MessageError(CODE.invalidRequest, reason);

/** Members of an object by key; the same key twice means two readers could see different messages. */
function uniqueMembers(bytes: Buffer, at: number): Map<string, Span> {
  const found = new Map<string, Span>();
  eachMember(bytes, at, (key, span) => {
    if (found.has(key)) throw invalid(`the key ${JSON.stringify(key)} stands twice in one object`);
    found.set(key, span);
    return true;
  });
  return found;
}

function parseMessage(source: Buffer, value: unknown): ClientMessage {
  if (!isObject(value)) throw invalid('a JSON-RPC message is an object');
  if (value.jsonrpc !== '2.0') throw invalid('the field jsonrpc must be "2.0"');
  const bytes = onOneLine(source);
  const members = uniqueMembers(bytes, 0);
  const { id, method, params } = value;
  if (id !== undefined && typeof id !== 'string' && !Number.isFinite(id))
    throw invalid('the field id must be a string or a number');
  if (method === undefined) {
    if (id === undefined || 'result' in value === 'error' in value)
      throw invalid('a message has a method, or an id and either a result or an error');
    const span = members.get('id') as Span;
    return {
      kind: 'response',
      bytes,
      id: bytes.toString('utf8', span.start, span.end),
      idSpan: span,
    };
  }
  if (typeof method !== 'string') throw invalid('the field method must be a string');
  if (params !== undefined && !isObject(params))
    throw invalid('the field params must be an object');
  const common = { bytes, method, params: params ?? {} };
  const idSpan = members.get('id');
  if (!idSpan) return { kind: 'notification', ...common };
  const inside = (span: Span | undefined) => span && uniqueMembers(bytes, span.start);
  const given = inside(members.get('params'));
  const progressToken = inside(given?.get('_meta'))?.get('progressToken');
  const argumentsSpan = given?.get('arguments');
  return {
    kind: 'request',
    ...common,
    id: bytes.toString('utf8', idSpan.start, idSpan.end),
    idSpan,
    ...(progressToken ? { progressToken } : {}),
    ...(argumentsSpan ? { argumentsSpan } : {}),
  };
}

function hasLoneSurrogate(value: unknown): boolean {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === 'string' ? !next.isWellFormed() : false) return true;
    if (typeof next === 'object' && next !== null)
      for (const [key, inner] of Object.entries(next)) left.push(key, inner);
  }
  return false;
}

/**
 * Parses the body of a POST.
 * @throws MessageError for anything that is not one JSON-RPC message or a batch of them.
 */
export function parsePayload(body: Buffer): Payload {
  const text = body.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MessageError(CODE.parseError, 'the body is not JSON');
  }
  if (depthOf(body) > DEEPEST) throw invalid(`the message is nested deeper than ${DEEPEST} levels`);
  if (SURROGATE_ESCAPE.test(text) && hasLoneSurrogate(value))
    throw invalid('a string contains half of a surrogate pair');
  if (!Array.isArray(value)) return { batch: false, messages: [parseMessage(body, value)] };
  if (value.length === 0) throw invalid('a batch must not be empty');
  if (value.length > MAX_BATCH) throw invalid(`a batch holds at most ${MAX_BATCH} messages`);
  const spans = elements(body, 0) ?? [];
  return {
    batch: true,
    messages: spans.map(({ start, end }, i) => parseMessage(body.subarray(start, end), value[i])),
  };
}

/** The request with another id and, where it has one, another progress token; what goes to the server. */
export function renumber(request: ClientRequest, id: number, more: readonly Edit[] = []): Buffer[] {
  const edits = [{ span: request.idSpan, value: String(id) }, ...more];
  if (request.progressToken) edits.push({ span: request.progressToken, value: String(id) });
  return splice(request.bytes, edits);
}

/** A JSON-RPC error as bytes; `id` is JSON text. */
export function errorBytes(id: string, code: number, message: string, data?: JsonObject): Buffer {
  return Buffer.from(
    `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify({ code, message, ...(data ? { data } : {}) })}}`,
  );
}

/** A JSON-RPC result as bytes; `id` is JSON text. */
export function resultBytes(id: string, result: JsonObject): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":${JSON.stringify(result)}}`);
}
