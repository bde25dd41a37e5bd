/** A plain MCP client over kept connections, quick enough not to be what is measured. Reads JSON and event streams. */
import { Pool } from 'undici';

/** Where to send requests, and how. */
export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** False where there are no sessions: requests are sent without opening one. */
  readonly sessions: boolean;
}

interface Message {
  readonly id?: number | string | null;
  readonly result?: { readonly content?: readonly { readonly text?: string }[] };
  readonly error?: { readonly code: number; readonly message: string };
}

const VERSION = '2025-11-25';
const PATIENCE_MS = 30_000;
const FIXED = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': VERSION,
};

/** The message with this id: the whole body, or the data of one event. */
function messageOf(id: number, body: string, contentType: unknown): Message | undefined {
  if (!String(contentType).startsWith('text/event-stream')) return JSON.parse(body) as Message;
  for (const line of body.split('\n')) {
    if (!line.startsWith('data:') || line.trim() === 'data:') continue;
    const message = JSON.parse(line.slice('data:'.length)) as Message;
    if (message.id === id) return message;
  }
  return undefined;
}

export class McpClient {
  readonly #pool: Pool;
  readonly #path: string;
  readonly #target: Target;
  #ids = 0;

  constructor(target: Target, connections: number, patienceMs = PATIENCE_MS) {
    const url = new URL(target.url);
    this.#target = target;
    this.#path = url.pathname;
    this.#pool = new Pool(url.origin, {
      connections,
      headersTimeout: patienceMs,
      bodyTimeout: patienceMs,
    });
  }

  /** Opens a session and tells that the client is ready. @returns its id; undefined where there are none */
  async open(): Promise<string | undefined> {
    if (!this.#target.sessions) return undefined;
    const { session } = await this.#request(undefined, 'initialize', {
      protocolVersion: VERSION,
      capabilities: {},
      clientInfo: { name: 'bench', version: '1' },
    });
    const ready = { jsonrpc: '2.0', method: 'notifications/initialized' };
    const { statusCode, body } = await this.#post(session, JSON.stringify(ready));
    await body.dump();
    if (statusCode !== 202) throw new Error(`notifications/initialized: ${statusCode}`);
    return session;
  }

  /** Calls a tool. @returns the text of its result @throws on everything else */
  async call(session: string | undefined, name: string, given: object): Promise<string> {
    const { message } = await this.#request(session, 'tools/call', { name, arguments: given });
    const text = message.result?.content?.[0]?.text;
    if (text === undefined) throw new Error(JSON.stringify(message).slice(0, 300));
    return text;
  }

  async end(session: string | undefined): Promise<void> {
    if (session === undefined) return;
    const headers = { ...this.#target.headers, ...FIXED, 'mcp-session-id': session };
    const answer = await this.#pool.request({ method: 'DELETE', path: this.#path, headers });
    await answer.body.dump();
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  #post(session: string | undefined, body: string) {
    const headers: Record<string, string> = { ...this.#target.headers, ...FIXED };
    if (session !== undefined) headers['mcp-session-id'] = session;
    return this.#pool.request({ method: 'POST', path: this.#path, headers, body });
  }

  async #request(session: string | undefined, method: string, params: object) {
    // Unique in the process: two bridges hang when a session has an id twice.
    const id = ++this.#ids;
    const answer = await this.#post(
      session,
      JSON.stringify({ jsonrpc: '2.0', id, method, params }),
    );
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${text.slice(0, 300)}`);
    const message = messageOf(id, text, answer.headers['content-type']);
    if (message?.id !== id) throw new Error(`no answer to ${id} in ${text.slice(0, 300)}`);
    const given = answer.headers['mcp-session-id'];
    return { message, session: typeof given === 'string' ? given : undefined };
  }
}
