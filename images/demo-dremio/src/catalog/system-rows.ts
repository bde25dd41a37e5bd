/** What the system tables say, computed from the catalog, the jobs and the server's own facts. */
import type { Job } from '../jobs/jobs.ts';
import type { Catalog } from './catalog.ts';
import type { Column, Dataset } from './model.ts';
import type { SystemRow, SystemRows, SystemTableName } from './system-tables.ts';

export interface ServerFacts {
  readonly catalog: Catalog;
  readonly version: string;
  readonly startedAt: number;
  readonly tokenLifeMs: number;
  jobs(): readonly Job[];
}

const CATALOG = 'DREMIO';
/** Longest text that Dremio reports for VARCHAR columns. */
const VARCHAR_LENGTH = 65_536;

const joined = (path: readonly string[]): string => path.join('.');
const tableOf = ({ path }: Dataset) => ({
  TABLE_CATALOG: CATALOG,
  TABLE_SCHEMA: joined(path.slice(0, -1)),
  TABLE_NAME: path.at(-1) ?? null,
});

const TABLE_TYPES = { table: 'TABLE', view: 'VIEW', 'system-table': 'SYSTEM_TABLE' } as const;

function typeFacts({ type }: Column): SystemRow {
  const binary = (precision: number): SystemRow => ({
    DATA_TYPE: type.name,
    COLUMN_SIZE: precision,
    NUMERIC_PRECISION: precision,
    NUMERIC_PRECISION_RADIX: 2,
    NUMERIC_SCALE: type.name === 'DOUBLE' ? null : 0,
  });
  switch (type.name) {
    case 'VARCHAR':
      return {
        DATA_TYPE: 'CHARACTER VARYING',
        COLUMN_SIZE: VARCHAR_LENGTH,
        CHARACTER_MAXIMUM_LENGTH: VARCHAR_LENGTH,
        CHARACTER_OCTET_LENGTH: VARCHAR_LENGTH,
      };
    case 'INTEGER':
      return binary(32);
    case 'BIGINT':
      return binary(64);
    case 'DOUBLE':
      return binary(53);
    case 'TIMESTAMP':
      return { DATA_TYPE: 'TIMESTAMP', COLUMN_SIZE: 23, DATETIME_PRECISION: 3 };
    default:
      return { DATA_TYPE: type.name, COLUMN_SIZE: 1 };
  }
}

const columnRows = (dataset: Dataset): SystemRow[] =>
  dataset.columns.map((column, index) => ({
    ...tableOf(dataset),
    COLUMN_NAME: column.name,
    ORDINAL_POSITION: index + 1,
    COLUMN_DEFAULT: null,
    IS_NULLABLE: 'YES',
    ...typeFacts(column),
  }));

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Rows of each system table, by its name. */
function tables(facts: ServerFacts): Record<SystemTableName, () => SystemRow[]> {
  const { catalog, version, startedAt, tokenLifeMs } = facts;
  return {
    CATALOGS: () => [
      {
        CATALOG_NAME: CATALOG,
        CATALOG_DESCRIPTION: 'The internal metadata used by Dremio',
        CATALOG_CONNECT: '',
      },
    ],
    SCHEMATA: () =>
      [...catalog.containers()]
        .map(({ path, kind }) => ({
          CATALOG_NAME: CATALOG,
          SCHEMA_NAME: joined(path),
          SCHEMA_OWNER: '<owner>',
          TYPE: 'SIMPLE',
          IS_MUTABLE: kind === 'home' || path[0] === '$scratch' ? 'YES' : 'NO',
        }))
        .sort((a, b) => byText(a.SCHEMA_NAME, b.SCHEMA_NAME)),
    TABLES: () =>
      [...catalog.datasets()].map((dataset) => ({
        ...tableOf(dataset),
        TABLE_TYPE: TABLE_TYPES[dataset.kind],
      })),
    VIEWS: () =>
      [...catalog.datasets()]
        .filter(({ sql }) => sql !== undefined)
        .map((dataset) => ({ ...tableOf(dataset), VIEW_DEFINITION: dataset.sql ?? null })),
    COLUMNS: () => [...catalog.datasets()].flatMap(columnRows),
    version: () => [
      {
        version,
        commit_id: 'Unknown',
        commit_message: 'lakehouse-mcp demo server, not Dremio',
        commit_time: '',
        build_email: 'Unknown',
        build_time: '',
      },
    ],
    nodes: () => [
      {
        name: 'demo',
        hostname: 'demo',
        ip: '127.0.0.1',
        user_port: 31010,
        fabric_port: 45678,
        cpu: 0,
        memory: 0,
        status: 'green',
        is_master: true,
        is_coordinator: true,
        is_executor: true,
        node_tag: '',
        version,
        load: 0,
        configured_max_width: 1,
        actual_max_width: 1,
        current: true,
        start: startedAt,
      },
    ],
    options: () => [
      {
        name: 'token.expiration.min',
        kind: 'LONG',
        type: 'SYSTEM',
        status: tokenLifeMs === DEFAULT_TOKEN_LIFE_MS ? 'DEFAULT' : 'CHANGED',
        num_val: Math.floor(tokenLifeMs / 60_000),
      },
    ],
    jobs_recent: () =>
      facts.jobs().map((job) => ({
        job_id: job.id,
        status: job.state,
        query_type: 'REST',
        user_name: job.userName,
        submitted_ts: job.startedAt,
        final_state_ts: job.endedAt ?? null,
        rows_returned: job.result?.rows.length ?? 0,
        queue_name: 'SMALL',
        error_msg: job.errorMessage || null,
        query: job.sql,
      })),
  };
}

/** 30 hours, Dremio's default (TokenManagerImpl.java: token.expiration.min = 1800). */
export const DEFAULT_TOKEN_LIFE_MS = 30 * 3_600_000;

export function systemRowsOf(facts: ServerFacts): SystemRows {
  const rows = tables(facts);
  return ({ path }) => rows[path.at(-1) as SystemTableName]();
}
