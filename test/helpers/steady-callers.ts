import { connect, sqlRunner } from './mcp-client.ts';

/** One call of `RunSqlQuery`; times in milliseconds since the Unix epoch, as in the services' logs. */
export interface TimedCall {
  readonly from: number;
  readonly to: number;
  /** What went wrong, if it did. */
  readonly failure?: string;
}

const CALLERS = 4;
/** Pause between two calls of a caller, for where calls fail at once. */
const PAUSE_MS = 200;

/**
 * A few callers in one session who ask for the same value again and again. Each waits for its answer before it asks
 * again, so that a slow machine has fewer calls and not a longer queue.
 */
export class SteadyCallers implements AsyncDisposable {
  /** Calls that have ended, in the order in which they did. */
  readonly calls: TimedCall[] = [];
  readonly #stopping = new AbortController();
  readonly #ended: Promise<unknown>;

  static async start({ url, key }: { url: string; key: string }): Promise<SteadyCallers> {
    const client = await connect(url, key);
    return new SteadyCallers(await sqlRunner(client), () => client.close());
  }

  constructor(run: Awaited<ReturnType<typeof sqlRunner>>, end: () => Promise<void>) {
    const callers = Array.from({ length: CALLERS }, () => this.#callOn(run));
    this.#ended = Promise.all(callers).then(end);
  }

  async #callOn(run: Awaited<ReturnType<typeof sqlRunner>>): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const from = Date.now();
      const failure = await run('SELECT 6 * 7 AS n').then(
        ({ isError, rows, text }) =>
          isError || rows[0]?.n !== 42 ? text.slice(0, 300) || 'an empty answer' : undefined,
        (error: unknown) => String(error),
      );
      this.calls.push({ from, to: Date.now(), ...(failure === undefined ? {} : { failure }) });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }
}
