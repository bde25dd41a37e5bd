/** One session's way to the remote server: its id and revision on every request, each refusal as a trouble. */
import type { Clock } from '../../../../kit/src/clock.ts';
import type { JsonObject } from '../../jsonrpc/message.ts';
import { readRefusal } from './refusal.ts';
import type { Remote, RemoteRequest, RemoteResponse } from './remote.ts';
import { Trouble } from './trouble.ts';

export interface WireOptions {
  readonly remote: Remote;
  readonly clock: Clock;
  /** Takes credentials out of what the server sends. */
  clean(bytes: Buffer): Buffer;
}

const NOTE_MS = 5_000;
const GOODBYE_MS = 1_000;

export class Wire {
  readonly #options: WireOptions;
  #session: string | undefined;
  #version: string | undefined;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** From now on requests name this session, if the server keeps one, and this revision. */
  begin(session: string | undefined, version: string): void {
    this.#session = session;
    this.#version = version;
  }

  /** False for servers that keep no session. */
  get hasSession(): boolean {
    return this.#session !== undefined;
  }

  /** @throws Trouble for every status but success; the signal's reason when it aborts */
  async send(request: Omit<RemoteRequest, 'session' | 'version'>): Promise<RemoteResponse> {
    const { remote, clock, clean } = this.#options;
    const response = await remote.send({
      ...request,
      session: this.#session,
      version: this.#version,
    });
    if (response.statusCode >= 200 && response.statusCode < 300) return plain(response, remote);
    throw await readRefusal(response, {
      clean,
      inSession: this.hasSession,
      address: remote.address,
      now: clock.now(),
    });
  }

  /** Tells the server something. @throws Trouble when it does not take it */
  async note(
    method: string,
    params?: JsonObject,
    signal = AbortSignal.timeout(NOTE_MS),
  ): Promise<void> {
    const message = { jsonrpc: '2.0', method, ...(params ? { params } : {}) };
    const body = [Buffer.from(JSON.stringify(message))];
    discard(await this.send({ method: 'POST', label: method, body, signal }));
  }

  /** Answers a request of the server; never rejects. */
  async answer(message: Buffer): Promise<void> {
    const signal = AbortSignal.timeout(NOTE_MS);
    await this.send({ method: 'POST', label: 'answer', body: [message], signal })
      .then(discard)
      .catch(() => {});
  }

  /** Ends the session at the server; never rejects. */
  async end(): Promise<void> {
    if (!this.hasSession) return;
    await this.send({ method: 'DELETE', label: 'end', signal: AbortSignal.timeout(GOODBYE_MS) })
      .then(discard)
      .catch(() => {});
  }
}

/** @throws Trouble for a compressed answer: nothing bounds what it becomes. */
function plain(response: RemoteResponse, { address }: Remote): RemoteResponse {
  const { 'content-encoding': coding = 'identity' } = response.headers;
  if (coding === 'identity') return response;
  discard(response);
  throw new Trouble(
    'upstream_unwell',
    `the MCP server at ${address} answers with content encoding ${String(coding).slice(0, 40)}, which the proxy did not ask for; switch compression off there, or in the gateway before it`,
  );
}

/** Reads a short rest, so that the connection can be used again; closes it for a long one. */
export function discard(response: RemoteResponse): void {
  response.body.dump().catch(() => {});
}
