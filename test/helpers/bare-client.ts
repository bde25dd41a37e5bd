/**
 * An MCP client without a library's kindness: each request is one POST, and what came back is told as it came. The
 * SDK's client would repeat, wrap or wait where a test wants to see.
 */
import { type Agent, request } from 'undici';

/** How a call ended, as its client saw it. */
export type Seen =
  | { readonly kind: 'result'; readonly result: Record<string, unknown> }
  | { readonly kind: 'rpc_error'; readonly status: number; readonly error: RpcError }
  /** An HTTP answer without a JSON-RPC message, or none at all within the deadline. */
  | { readonly kind: 'broken'; readonly what: string };

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: { readonly reason?: string };
}

export interface BareClientOptions {
  readonly url: string;
  /** Asked for at each request, so that it may change. */
  readonly key: () => string;
  readonly agent: Agent;
  /** A call without an answer after so long hangs. */
  readonly deadlineMs: number;
}

const VERSION = '2025-11-25';

export class BareClient {
  readonly #options: BareClientOptions;
  #session: string | undefined;

  constructor(options: BareClientOptions) {
    this.#options = options;
  }

  /** Opens a session. */
  async open(id: string): Promise<Seen> {
    const params = {
      protocolVersion: VERSION,
      capabilities: {},
      clientInfo: { name: 'lakehouse-mcp-test', version: '1' },
    };
    const seen = await this.call(id, 'initialize', params);
    if (seen.kind === 'result') {
      const told = { jsonrpc: '2.0', method: 'notifications/initialized' };
      const { status } = await this.#send('POST', told);
      if (status !== 202) return { kind: 'broken', what: `initialized: HTTP ${status}` };
    }
    return seen;
  }

  /** Ends the session; gives the HTTP status. */
  async end(): Promise<number> {
    const { status } = await this.#send('DELETE');
    this.#session = undefined;
    return status;
  }

  /** One request. Never rejects. */
  async call(id: string, method: string, params: Record<string, unknown> = {}): Promise<Seen> {
    try {
      const { status, text, type } = await this.#send('POST', {
        jsonrpc: '2.0',
        id,
        method,
        params,
      });
      return readAnswer(id, status, type.includes('event-stream') ? lastEvent(text) : text);
    } catch (error) {
      return { kind: 'broken', what: `${method}: ${error}` };
    }
  }

  async #send(method: 'POST' | 'DELETE', body?: unknown) {
    const { url, key, agent, deadlineMs } = this.#options;
    const {
      statusCode,
      headers,
      body: answer,
    } = await request(url, {
      method,
      dispatcher: agent,
      signal: AbortSignal.timeout(deadlineMs),
      headers: {
        authorization: `Bearer ${key()}`,
        accept: 'application/json, text/event-stream',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.#session === undefined
          ? {}
          : { 'mcp-session-id': this.#session, 'mcp-protocol-version': VERSION }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.text();
    const session = headers['mcp-session-id'];
    if (typeof session === 'string') this.#session = session;
    return { status: statusCode, text, type: String(headers['content-type'] ?? '') };
  }
}

const lastEvent = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .at(-1)
    ?.slice('data: '.length) ?? '';

function readAnswer(id: string, status: number, text: string): Seen {
  let message: { id?: unknown; result?: Record<string, unknown>; error?: RpcError };
  try {
    message = JSON.parse(text);
  } catch {
    return { kind: 'broken', what: `HTTP ${status} with "${text.slice(0, 200)}"` };
  }
  if (message.id !== id)
    return { kind: 'broken', what: `HTTP ${status} for ${message.id} instead of ${id}` };
  if (message.error) return { kind: 'rpc_error', status, error: message.error };
  if (message.result && status === 200) return { kind: 'result', result: message.result };
  return { kind: 'broken', what: `HTTP ${status} with "${text.slice(0, 200)}"` };
}
