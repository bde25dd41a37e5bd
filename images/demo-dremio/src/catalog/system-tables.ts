/** The columns of `INFORMATION_SCHEMA` and `sys`: what they contain is computed when a query asks. */
import { type Column, type Container, type Dataset, stableId, typed, varchar } from './model.ts';

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
const texts = (names: string): Column[] => words(names).map(varchar);
const integers = (names: string): Column[] => words(names).map((name) => typed('INTEGER', name));
const doubles = (names: string): Column[] => words(names).map((name) => typed('DOUBLE', name));
const booleans = (names: string): Column[] => words(names).map((name) => typed('BOOLEAN', name));

/** As InformationSchemaMetadata.java has them. */
export const INFORMATION_SCHEMA_TABLES = {
  CATALOGS: texts('CATALOG_NAME CATALOG_DESCRIPTION CATALOG_CONNECT'),
  SCHEMATA: texts('CATALOG_NAME SCHEMA_NAME SCHEMA_OWNER TYPE IS_MUTABLE'),
  TABLES: texts('TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_TYPE'),
  VIEWS: texts('TABLE_CATALOG TABLE_SCHEMA TABLE_NAME VIEW_DEFINITION'),
  COLUMNS: [
    ...texts('TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME'),
    ...integers('ORDINAL_POSITION'),
    ...texts('COLUMN_DEFAULT IS_NULLABLE DATA_TYPE'),
    ...integers('COLUMN_SIZE CHARACTER_MAXIMUM_LENGTH CHARACTER_OCTET_LENGTH NUMERIC_PRECISION'),
    ...integers('NUMERIC_PRECISION_RADIX NUMERIC_SCALE DATETIME_PRECISION'),
    ...texts('INTERVAL_TYPE'),
    ...integers('INTERVAL_PRECISION'),
  ],
} as const satisfies Record<string, readonly Column[]>;

/** As VersionIterator.java, NodeInstance.java and OptionIterator.java have them; of jobs_recent a part. */
export const SYS_TABLES = {
  version: texts('version commit_id commit_message commit_time build_email build_time'),
  nodes: [
    ...texts('name hostname ip'),
    ...integers('user_port fabric_port'),
    ...doubles('cpu memory'),
    ...texts('status'),
    ...booleans('is_master is_coordinator is_executor'),
    ...texts('node_tag version'),
    ...doubles('load'),
    ...integers('configured_max_width actual_max_width'),
    ...booleans('current'),
    typed('TIMESTAMP', 'start'),
  ],
  options: [
    ...texts('name kind type status'),
    typed('BIGINT', 'num_val'),
    ...texts('string_val'),
    ...booleans('bool_val'),
    ...doubles('float_val'),
  ],
  jobs_recent: [
    ...texts('job_id status query_type user_name'),
    typed('TIMESTAMP', 'submitted_ts'),
    typed('TIMESTAMP', 'final_state_ts'),
    typed('BIGINT', 'rows_returned'),
    ...texts('queue_name error_msg query'),
  ],
} as const satisfies Record<string, readonly Column[]>;

/** A value of a system table; for TIMESTAMP columns milliseconds since the Unix epoch. */
export type SystemValue = string | number | boolean | null;
export type SystemRow = Readonly<Record<string, SystemValue>>;

/** Computes the rows of one system table. */
export type SystemRows = (table: Dataset) => readonly SystemRow[];

export type SystemTableName = keyof typeof INFORMATION_SCHEMA_TABLES | keyof typeof SYS_TABLES;

function systemContainer(
  name: string,
  tables: Readonly<Record<string, readonly Column[]>>,
  createdAt: number,
): Container {
  const node = (path: readonly string[]) => ({
    id: stableId('system', ...path),
    path,
    tag: stableId('tag', ...path),
    createdAt,
  });
  const children = Object.entries(tables).map(
    ([table, columns]): Dataset => ({
      ...node([name, table]),
      kind: 'system-table',
      columns,
      labels: [],
    }),
  );
  return { ...node([name]), kind: 'system', children };
}

/** The containers that every server has: `INFORMATION_SCHEMA`, `sys` and the empty `$scratch`. */
export const systemContainers = (createdAt: number): Container[] => [
  systemContainer('INFORMATION_SCHEMA', INFORMATION_SCHEMA_TABLES, createdAt),
  systemContainer('sys', SYS_TABLES, createdAt),
  systemContainer('$scratch', {}, createdAt),
];
