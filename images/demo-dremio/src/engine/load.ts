/** Puts the catalog's datasets into the engine: sample rows, views, and empty system tables. */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Catalog } from '../catalog/catalog.ts';
import type { Dataset } from '../catalog/model.ts';
import { SAMPLE_SOURCE } from '../catalog/sample.ts';
import { WEATHER_COLUMNS, weatherRows } from '../data/weather.ts';
import { INTERNAL_INFORMATION_SCHEMA, rewrite } from '../sql/rewrite.ts';
import { quoteName } from '../sql/tokenizer.ts';

/** The engine's own database; sources of three levels are attached beside it. */
export const MAIN_DATABASE = 'memory';

/** The engine's name for a path of the catalog, from the outermost part. */
export function internalPath(path: readonly string[]): string[] {
  const [first = '', ...rest] = path;
  const root = first.toUpperCase() === 'INFORMATION_SCHEMA' ? INTERNAL_INFORMATION_SCHEMA : first;
  return root === SAMPLE_SOURCE ? [root, ...rest] : [MAIN_DATABASE, root, ...rest];
}

/** A path as the engine's SQL writes it. */
export const internalName = (path: readonly string[]): string =>
  internalPath(path).map(quoteName).join('.');

const columnsOf = ({ columns }: Dataset): string =>
  columns.map(({ name, type }) => `${quoteName(name)} ${type.name}`).join(', ');

async function loadWeather(connection: DuckDBConnection, dataset: Dataset): Promise<void> {
  const [database, schema, table = ''] = internalPath(dataset.path);
  const appender = await connection.createAppender(table, schema, database);
  for (const row of weatherRows()) {
    for (const column of WEATHER_COLUMNS) appender.appendVarchar(row[column]);
    appender.endRow();
  }
  appender.closeSync();
}

async function create(connection: DuckDBConnection, dataset: Dataset): Promise<void> {
  const schema = dataset.path.slice(0, -1);
  await connection.run(`CREATE SCHEMA IF NOT EXISTS ${internalName(schema)}`);
  const name = internalName(dataset.path);
  if (dataset.sql !== undefined) {
    await connection.run(`CREATE VIEW ${name} AS ${rewrite(dataset.sql)}`);
    return;
  }
  await connection.run(`CREATE TABLE ${name} (${columnsOf(dataset)})`);
  if (dataset.kind === 'table') await loadWeather(connection, dataset);
}

/** Creates what the catalog has and the engine has not yet; `known` collects the ids of what is there. */
export async function loadCatalog(
  connection: DuckDBConnection,
  catalog: Catalog,
  known: Set<string>,
): Promise<void> {
  // Tables first: a view needs the tables that it reads.
  const order = (dataset: Dataset) => (dataset.sql === undefined ? 0 : 1);
  const missing = [...catalog.datasets()].filter(({ id }) => !known.has(id));
  for (const dataset of missing.sort((a, b) => order(a) - order(b))) {
    await create(connection, dataset);
    known.add(dataset.id);
  }
}
