/** A plain client of Dremio's REST API, for tests: it shows answers as they are and asserts nothing. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; `undefined` when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
  readonly json: any;
}

export interface RequestOptions {
  /** Value of the Authorization header; that of the last login when left out, none with `null`. */
  readonly authorization?: string | null;
  /** Sent as JSON with its content type. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What became of a query. */
export interface QueryOutcome {
  readonly state: string;
  readonly errorMessage: string;
  readonly rowCount: number;
  readonly schema: readonly { readonly name: string; readonly type: { readonly name: string } }[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** The first page of the results as text, where numbers can be seen in full. */
  readonly text: string;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const ENDED = new Set(['COMPLETED', 'FAILED', 'CANCELED']);
const DEADLINE_MS = 60_000;
const POLL_MS = 20;

export class DremioClient {
  readonly #url: string;
  #authorization: string | null = null;

  constructor(url: string) {
    this.#url = url.replace(/\/$/, '');
  }

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Reply> {
    const { authorization = this.#authorization, json } = options;
    const body = json === undefined ? options.body : JSON.stringify(json);
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(authorization === null ? {} : { authorization }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parsed(text) };
  }

  get(path: string, options?: RequestOptions): Promise<Reply> {
    return this.request('GET', path, options);
  }

  post(path: string, json: unknown, options?: RequestOptions): Promise<Reply> {
    return this.request('POST', path, { ...options, json });
  }

  /** Logs in and uses the token from now on; returns the answer. */
  async login(user: { userName: string; password: string }): Promise<Reply> {
    const { userName, password } = user;
    const reply = await this.post('/apiv2/login', { userName, password }, { authorization: null });
    const token: unknown = reply.json?.token;
    if (typeof token === 'string') this.#authorization = `Bearer ${token}`;
    return reply;
  }

  /** Waits until a job has ended and returns its status. */
  async ended(id: string): Promise<Reply> {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const job = await this.get(`/api/v3/job/${id}`);
      if (ENDED.has(job.json?.jobState)) return job;
      if (Date.now() > deadline) throw new Error(`job ${id}: ${job.status} ${job.text}`);
      await delay(POLL_MS);
    }
  }

  /** Submits a statement and waits for its end; the rows are those of the first page of 500. */
  async query(sql: string, context?: readonly string[]): Promise<QueryOutcome> {
    const submitted = await this.post('/api/v3/sql', { sql, context });
    if (submitted.status !== 200) throw new Error(`submitting answered ${submitted.status}`);
    const { id } = submitted.json;
    const job = await this.ended(id);
    const { jobState: state, errorMessage } = job.json;
    if (state !== 'COMPLETED')
      return { state, errorMessage, rowCount: 0, schema: [], rows: [], text: '' };
    const page = await this.get(`/api/v3/job/${id}/results?offset=0&limit=500`);
    const { rowCount, schema, rows } = page.json;
    return { state, errorMessage, rowCount, schema, rows, text: page.text };
  }
}
