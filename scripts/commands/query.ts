import { CommandError, EXIT } from '../command-error.ts';
import { notOffered, runSql } from '../mcp/mcp-client.ts';
import { cellOf, columnsOf } from '../mcp/sql-answer.ts';
import { accessOf, fromHere, openSession, requireDeployment } from '../session.ts';
import { quietDisplay } from '../terminal/quiet.ts';
import { printable, tableLines } from '../terminal/table.ts';

export interface QueryOptions {
  readonly stack: string;
  readonly sql: string;
  readonly json: boolean;
}

const QUERY_MS = 10 * 60_000;

/** Runs a statement through the MCP URL and prints its rows. */
export async function query(project: string, options: QueryOptions): Promise<void> {
  const session = await openSession(project, options.stack);
  const interrupted = new AbortController();
  process.once('SIGINT', () =>
    interrupted.abort(new CommandError('Interrupted.', { exitCode: EXIT.interrupted })),
  );
  const deployment = await requireDeployment(session, quietDisplay(), interrupted.signal);
  const access = accessOf(await deployment.outputs(), session.files);
  const { url } = access;
  const endpoint = await fromHere(access, session.running, session.engine.address);
  if (endpoint === undefined)
    process.stderr.write(
      `The engine is on another machine: ${url} must be forwarded from there.\n`,
    );
  const { signal } = interrupted;
  const answer = await runSql({
    ...(endpoint ?? access),
    sql: options.sql,
    timeoutMs: QUERY_MS,
    signal,
  });
  if (answer.kind === 'not_offered') throw notOffered(url, answer.tools);
  if (answer.kind === 'error')
    throw new CommandError(`The query failed: ${answer.message}`, { exitCode: EXIT.failed });
  if (options.json) process.stdout.write(`${JSON.stringify(answer.rows)}\n`);
  else process.stdout.write(`${rowLines(answer.rows).join('\n')}\n`);
}

/** Rows as a table with numbers to the right, and their count. */
export function rowLines(rows: readonly Readonly<Record<string, unknown>>[]): string[] {
  const columns = columnsOf(rows);
  const count = rows.length === 1 ? '1 row' : `${rows.length.toLocaleString('en-US')} rows`;
  if (columns.length === 0) return [count];
  const right = new Set(
    columns.flatMap((column, index) =>
      rows.every((row) => row[column] === null || typeof row[column] === 'number') ? [index] : [],
    ),
  );
  const cells = rows.map((row) => columns.map((column) => printable(cellOf(row[column]))));
  return [...tableLines(columns.map(printable), cells, { rule: true, right }), '', count];
}
