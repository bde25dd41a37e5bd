/** The SQL engine: DuckDB in memory, loaded with the catalog and then locked. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Catalog } from '../catalog/catalog.ts';
import { type Dataset, isContainer, isDataset } from '../catalog/model.ts';
import { SAMPLE_SOURCE } from '../catalog/sample.ts';
import type { SystemRows } from '../catalog/system-tables.ts';
import { dremioErrorText, isPathTooDeep, notFound } from '../sql/error-text.ts';
import { nameChains } from '../sql/names.ts';
import { refuseReservedWords } from '../sql/reserved-words.ts';
import { type Homes, INTERNAL_INFORMATION_SCHEMA, rewrite } from '../sql/rewrite.ts';
import { SqlError } from '../sql/sql-error.ts';
import { quoteName } from '../sql/tokenizer.ts';
import type { Engine, QueryOptions, QueryResult } from './engine.ts';
import { fill } from './fill.ts';
import type { EngineLimits } from './limits.ts';
import { internalPath, loadCatalog, MAIN_DATABASE } from './load.ts';
import { runStatement } from './statement.ts';

export interface EngineParts {
  readonly catalog: Catalog;
  readonly systemRows: SystemRows;
  /** Refuses reserved words as names, as Dremio does. */
  readonly strictKeywords: boolean;
  readonly limits: EngineLimits;
}

/** Settings that must hold before anything runs; what only a connection can set comes in `lock`. */
const optionsFor = ({ memoryMiB, threads }: EngineLimits): Record<string, string> => ({
  memory_limit: `${memoryMiB}MiB`,
  threads: String(threads),
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  allow_community_extensions: 'false',
  allow_unsigned_extensions: 'false',
  allow_persistent_secrets: 'false',
  // Nothing is spilled: the root file system may be read-only, and a statement has no business on the disk.
  temp_directory: '',
  max_temp_directory_size: '0KB',
  // Dremio divides integers to integers.
  integer_division: 'true',
  // Dremio's order: nulls come last.
  default_null_order: 'nulls_last',
});

/**
 * Functions that Dremio has and the engine has not. `TO_DATE` takes formats of fixed width made of YYYY, MM and DD:
 * the engine's own parser wants its format as a constant, which a macro's argument is not.
 */
const datePart = (letters: string) =>
  `CASE instr(upper(format), '${letters}') WHEN 0 THEN 1 ELSE
    CAST(substr(value, instr(upper(format), '${letters}'), ${letters.length}) AS BIGINT) END`;
const MACROS = `CREATE MACRO to_date(value, format) AS
  make_date(${datePart('YYYY')}, ${datePart('MM')}, ${datePart('DD')})`;

/** From here on no statement can reach a file, the network or a setting, whatever it is. */
async function lock(connection: DuckDBConnection): Promise<void> {
  await connection.run(`SET GLOBAL TimeZone = 'UTC'`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

class DuckDbEngine implements Engine {
  readonly #instance: DuckDBInstance;
  readonly #admin: DuckDBConnection;
  readonly #parts: EngineParts;
  readonly #loaded = new Set<string>();
  /** Changes to tables happen one after another, all on one connection. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(instance: DuckDBInstance, admin: DuckDBConnection, parts: EngineParts) {
    this.#instance = instance;
    this.#admin = admin;
    this.#parts = parts;
  }

  async load(): Promise<void> {
    await loadCatalog(this.#admin, this.#parts.catalog, this.#loaded);
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(work);
    this.#changes = done.catch(() => undefined);
    return done;
  }

  #dataset(name: readonly string[], context: readonly string[]): Dataset | undefined {
    const { catalog } = this.#parts;
    return [[...context, ...name], name]
      .map((path) => catalog.byPath(path))
      .find((node) => node !== undefined && isDataset(node));
  }

  async #prepareTables(found: readonly Dataset[]): Promise<void> {
    const { catalog, systemRows } = this.#parts;
    await this.#change(async () => {
      // A user created over REST brings a home space with a view of its own.
      await loadCatalog(this.#admin, catalog, this.#loaded);
      for (const table of found)
        if (table.kind === 'system-table') await fill(this.#admin, table, systemRows(table));
    });
  }

  /**
   * The datasets that a statement reads. Only those of the catalog: not files,
   * which the engine would take for tables by their names. (Its views of itself pass; they say nothing secret.)
   */
  #datasets(names: readonly string[][], context: readonly string[]): Dataset[] {
    return names.map((name) => {
      const dataset = this.#dataset(name, context);
      if (dataset) return dataset;
      throw notFound(this.#parts.catalog.missing(name) ?? { name: name.join('.'), within: [] });
    });
  }

  /** The engine's parser gives up on paths of more than three names; the catalog knows what is missing. */
  #tooDeep(sql: string): SqlError | undefined {
    const { catalog } = this.#parts;
    const path = nameChains(sql).find(
      (chain) => chain.length > 3 && !catalog.byPath(chain.slice(0, 3)),
    );
    const missing = path && catalog.missing(path);
    return missing && notFound(missing);
  }

  async run(sql: string, { context = [], signal }: QueryOptions): Promise<QueryResult> {
    if (this.#parts.strictKeywords) refuseReservedWords(sql);
    const statement = context.length > 0 ? rewrite(sql, this.#homes()) : rewrite(sql);
    const connection = await this.#instance.connect();
    try {
      if (context.length > 0) await this.#enter(connection, context);
      const names = connection.getTableNames(statement, true).map(publicPath);
      await this.#prepareTables(this.#datasets(names, context));
      return await runStatement(connection, statement, this.#parts.limits, signal);
    } catch (error) {
      if (error instanceof SqlError) throw error;
      const message = error instanceof Error ? error.message : String(error);
      if (isPathTooDeep(message))
        throw this.#tooDeep(sql) ?? new SqlError(dremioErrorText(message));
      throw new SqlError(dremioErrorText(message));
    } finally {
      connection.disconnectSync();
    }
  }

  /** With a context set, the engine looks up short names only there: the other roots need saying in full. */
  #homes(): Homes {
    return new Map(
      this.#parts.catalog.roots.map(({ path }) => [
        path[0]?.toUpperCase() ?? '',
        internalPath(path),
      ]),
    );
  }

  async #enter(connection: DuckDBConnection, context: readonly string[]): Promise<void> {
    const node = this.#parts.catalog.byPath(context);
    if (!node || !isContainer(node)) throw new SqlError(`Object '${context.join('.')}' not found`);
    const inner = internalPath(node.path);
    const schema = inner.length === 1 ? [...inner, 'main'] : inner;
    const path = `${schema.map(quoteName).join('.')},${MAIN_DATABASE}.main`;
    await connection.run(`SET search_path = '${path.replaceAll("'", "''")}'`);
  }

  close(): void {
    this.#admin.disconnectSync();
    this.#instance.closeSync();
  }
}

/** A table as the engine lists it (`a."b.c" AS d`), back to the catalog's path. */
function publicPath(listed: string): string[] {
  const [path = []] = nameChains(listed);
  const inMain = path[0] === MAIN_DATABASE ? path.slice(1) : path;
  const [first = '', ...rest] = inMain;
  return [first === INTERNAL_INFORMATION_SCHEMA ? 'INFORMATION_SCHEMA' : first, ...rest];
}

export async function openEngine(parts: EngineParts): Promise<Engine> {
  const instance = await DuckDBInstance.create(':memory:', optionsFor(parts.limits));
  const admin = await instance.connect();
  const engine = new DuckDbEngine(instance, admin, parts);
  if (parts.catalog.byPath([SAMPLE_SOURCE]))
    await admin.run(`ATTACH ':memory:' AS ${quoteName(SAMPLE_SOURCE)}`);
  await admin.run(MACROS);
  await engine.load();
  await lock(admin);
  return engine;
}
