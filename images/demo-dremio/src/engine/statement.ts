/** Runs one rewritten statement on its own connection: read-only, bounded in rows, bytes and time. */
import { type DuckDBConnection, type DuckDBResult, StatementType } from '@duckdb/node-api';
import { dremioColumnNames } from '../sql/column-names.ts';
import { parsingFailure, SqlError } from '../sql/sql-error.ts';
import { encodeRow } from './encode.ts';
import type { QueryResult } from './engine.ts';
import type { EngineLimits } from './limits.ts';
import { dremioType } from './types.ts';

/** An interrupt between two calls into the engine has no effect, so it is repeated. */
const INTERRUPT_EVERY_MS = 20;

async function prepareReading(connection: DuckDBConnection, sql: string) {
  const statements = await connection.extractStatements(sql);
  if (statements.count !== 1) throw parsingFailure('Only a single statement is allowed.');
  const prepared = await statements.prepare(0);
  if (prepared.statementType !== StatementType.SELECT)
    throw new SqlError('This demo server only answers queries.');
  if (prepared.parameterCount > 0)
    throw parsingFailure('Parameters are not supported: write values into the statement.');
  return prepared;
}

/** The statement's structure as the engine tells it; an object with `error` when it cannot. */
async function treeOf(connection: DuckDBConnection, sql: string): Promise<unknown> {
  const reader = await connection.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR)', [sql]);
  return JSON.parse(String(reader.getRows()[0]?.[0]));
}

async function readRows(
  result: DuckDBResult,
  names: readonly string[],
  limits: EngineLimits,
  checkInterrupt: () => void,
): Promise<{ rows: string[]; bytes: number }> {
  const rows: string[] = [];
  let bytes = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    checkInterrupt();
    if (!chunk || chunk.rowCount === 0) return { rows, bytes };
    for (const row of chunk.getRows()) {
      const text = encodeRow(names, row);
      rows.push(text);
      bytes += Buffer.byteLength(text);
      if (rows.length > limits.rows)
        throw new SqlError(
          `The result has more than ${limits.rows} rows, the limit of this demo server; add a LIMIT.`,
        );
      if (bytes > limits.resultBytes)
        throw new SqlError(
          `The result is larger than ${limits.resultBytes} bytes, the limit of this demo server; add a LIMIT.`,
        );
    }
  }
}

/**
 * Runs `sql` and encodes its rows.
 * @throws SqlError for our own refusals and limits; the engine's errors as they come.
 */
export async function runStatement(
  connection: DuckDBConnection,
  sql: string,
  limits: EngineLimits,
  signal: AbortSignal,
): Promise<QueryResult> {
  const timeout = AbortSignal.timeout(limits.statementMs);
  const stop = AbortSignal.any([timeout, signal]);
  let interrupts: NodeJS.Timeout | undefined;
  const interrupt = () => {
    connection.interrupt();
    interrupts ??= setInterval(() => connection.interrupt(), INTERRUPT_EVERY_MS);
  };
  stop.addEventListener('abort', interrupt, { once: true });
  const checkInterrupt = () => {
    if (signal.aborted) throw new SqlError('Query was cancelled');
    if (timeout.aborted)
      throw new SqlError(
        `The query ran longer than ${limits.statementMs / 1000} s, the limit of this demo server.`,
      );
  };
  try {
    checkInterrupt();
    // Nothing that only looks like a query can write in such a transaction.
    await connection.run('BEGIN TRANSACTION READ ONLY');
    const prepared = await prepareReading(connection, sql);
    const tree = await treeOf(connection, sql);
    checkInterrupt();
    const result = await prepared.stream();
    const names = dremioColumnNames(result.columnNames(), tree);
    const { rows, bytes } = await readRows(result, names, limits, checkInterrupt);
    const types = result.columnTypes();
    const columns = names.map((name, index) => {
      const type = types[index];
      return { name, type: type ? dremioType(type) : { name: 'VARCHAR' } };
    });
    return { columns, rows, bytes };
  } catch (error) {
    checkInterrupt();
    throw error;
  } finally {
    clearInterval(interrupts);
    stop.removeEventListener('abort', interrupt);
  }
}
