/** Fills system tables with what they say at this moment, before a statement that names them runs. */
import { type DuckDBAppender, type DuckDBConnection, DuckDBTimestampValue } from '@duckdb/node-api';
import type { Column, Dataset } from '../catalog/model.ts';
import type { SystemRow, SystemValue } from '../catalog/system-tables.ts';
import { quoteName } from '../sql/tokenizer.ts';
import { internalName, internalPath } from './load.ts';

type Append = (appender: DuckDBAppender, value: Exclude<SystemValue, null>) => void;

const APPEND: Readonly<Record<string, Append>> = {
  INTEGER: (appender, value) => appender.appendInteger(Number(value)),
  BIGINT: (appender, value) => appender.appendBigInt(BigInt(value)),
  DOUBLE: (appender, value) => appender.appendDouble(Number(value)),
  BOOLEAN: (appender, value) => appender.appendBoolean(value === true),
  TIMESTAMP: (appender, value) =>
    appender.appendTimestamp(new DuckDBTimestampValue(BigInt(value) * 1000n)),
  VARCHAR: (appender, value) => appender.appendVarchar(String(value)),
};

function append(appender: DuckDBAppender, { type }: Column, value: SystemValue | undefined): void {
  if (value === null || value === undefined) appender.appendNull();
  else APPEND[type.name]?.(appender, value);
}

/** Replaces a system table as a whole, so that the engine can give the old one's memory back. */
export async function fill(
  connection: DuckDBConnection,
  table: Dataset,
  rows: readonly SystemRow[],
): Promise<void> {
  const columns = table.columns.map(({ name, type }) => `${quoteName(name)} ${type.name}`);
  await connection.run('BEGIN TRANSACTION');
  try {
    await connection.run(
      `CREATE OR REPLACE TABLE ${internalName(table.path)} (${columns.join(', ')})`,
    );
    const [database, schema, name = ''] = internalPath(table.path);
    const appender = await connection.createAppender(name, schema, database);
    for (const row of rows) {
      for (const column of table.columns) append(appender, column, row[column.name]);
      appender.endRow();
    }
    appender.closeSync();
    await connection.run('COMMIT');
  } catch (error) {
    await connection.run('ROLLBACK');
    throw error;
  }
}
