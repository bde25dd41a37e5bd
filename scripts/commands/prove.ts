import { setTimeout as delay } from 'node:timers/promises';
import { CommandError, EXIT } from '../command-error.ts';
import { notOffered, runSql, TOOL } from '../mcp/mcp-client.ts';
import type { Access } from '../session.ts';
import type { Display } from '../terminal/tasks.ts';

const WEATHER = 'Samples."samples.dremio.com"."NYC-weather.csv"';
/** The rows that the demo's sample has. */
const WEATHER_ROWS = 3833;
const QUERY_MS = 60_000;
/** A token that Dremio has forgotten is replaced 30 s after the last login at the latest, and the next query goes well. */
const PATIENCE_MS = 45_000;
const PAUSE_MS = 1_000;

export interface Proof {
  readonly sql: string;
  /** The one value that came back. */
  readonly value: number;
  readonly durationMs: number;
}

/**
 * Runs a real query the way a client does: through the URL, with the key; again for a while when it fails.
 * @returns nothing when the settings keep queries from the key and leave it other tools
 * @throws CommandError (exit 4) when it fails or brings something else than it must
 */
export async function prove(
  options: Access & { demo: boolean; display: Display; signal: AbortSignal },
): Promise<Proof | undefined> {
  const { demo, display, signal, ...access } = options;
  const { url } = access;
  const sql = demo ? `SELECT COUNT(*) AS total_records FROM ${WEATHER}` : 'SELECT 1 AS one';
  const expected = demo ? WEATHER_ROWS : 1;
  const task = display.task('Query through the URL');
  task.progress(sql);
  const started = performance.now();
  try {
    const ask = () => runSql({ ...access, sql, timeoutMs: QUERY_MS, signal });
    let answer = await ask();
    while (answer.kind === 'error' && performance.now() - started < PATIENCE_MS) {
      task.progress(answer.message);
      await delay(PAUSE_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
      answer = await ask();
    }
    if (answer.kind === 'not_offered') {
      const { tools } = answer;
      if (tools.length === 0) throw notOffered(url, tools);
      task.done(`not made: the key is offered ${tools.join(', ')}, and no ${TOOL}`);
      return undefined;
    }
    if (answer.kind === 'error')
      throw new CommandError(`The query through ${url} failed: ${answer.message}`, {
        exitCode: EXIT.notReady,
      });
    const value = Number(Object.values(answer.rows[0] ?? {})[0]);
    if (value !== expected)
      throw new CommandError(`The query "${sql}" brought ${value} instead of ${expected}.`, {
        exitCode: EXIT.notReady,
      });
    const shown = value.toLocaleString('en-US');
    task.done(demo ? `${shown} rows in ${WEATHER}` : `${sql} brought ${shown}`);
    return { sql, value, durationMs: Math.round(performance.now() - started) };
  } catch (error) {
    task.failed();
    throw error;
  }
}
