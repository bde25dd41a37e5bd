import { connect, sqlRunner, WEATHER } from './mcp-client.ts';

export interface LoadResult {
  calls: number;
  failures: string[];
}

/** Days before 2012 in the demo's weather table: one query with a filter whose answer is known. */
const QUERIES = [
  { sql: `SELECT COUNT(*) AS n FROM ${WEATHER}`, column: 'n', value: 3833 },
  {
    sql: `SELECT COUNT(*) AS n FROM ${WEATHER} WHERE "date" < '2010-01-01'`,
    column: 'n',
    value: 365,
  },
  { sql: 'SELECT 6 * 7 AS n', column: 'n', value: 42 },
] as const;

/** Fewer than a proxy lets into its queue: a slow machine is called less often, and not refused. */
const MOST_AT_ONCE = 8;

/**
 * Calls `RunSqlQuery` every `everyMs` for `durationMs`, checking each value; calls may overlap. Where that were
 * fewer than `atLeast` calls, it goes on.
 */
export async function steadyQueries(
  target: { url: string; key: string },
  { everyMs, durationMs, atLeast = 0 }: { everyMs: number; durationMs: number; atLeast?: number },
): Promise<LoadResult> {
  const client = await connect(target.url, target.key);
  const run = await sqlRunner(client);
  const result: LoadResult = { calls: 0, failures: [] };
  const pending = new Set<Promise<void>>();
  const call = async (index: number) => {
    const query = QUERIES[index % QUERIES.length] ?? QUERIES[0];
    const { isError, rows, text } = await run(query.sql);
    const got = rows[0]?.[query.column];
    if (isError || got !== query.value)
      result.failures.push(`call ${index}: wanted ${query.value}, got ${text.slice(0, 300)}`);
  };
  const start = performance.now();
  for (let index = 0; performance.now() - start < durationMs || index < atLeast; index++) {
    if (pending.size === MOST_AT_ONCE) await Promise.race(pending);
    result.calls++;
    const task: Promise<void> = call(index)
      .catch((error: unknown) => {
        result.failures.push(`call ${index}: ${error}`);
      })
      .finally(() => pending.delete(task));
    pending.add(task);
    const next = start + (index + 1) * everyMs;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
  }
  await Promise.all(pending);
  await client.close();
  return result;
}
