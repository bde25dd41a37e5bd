/** What the jobs need of an SQL engine. The implementation loads a native library, so it is imported on first use. */
import type { Column } from '../catalog/model.ts';

export interface QueryResult {
  readonly columns: readonly Column[];
  /** Each row as the text of a JSON object. */
  readonly rows: readonly string[];
  /** Size of the rows' text in bytes. */
  readonly bytes: number;
}

export interface QueryOptions {
  /** Path that unqualified names are looked up in. */
  readonly context?: readonly string[];
  /** Aborting it interrupts the statement. */
  readonly signal: AbortSignal;
}

export interface Engine {
  /**
   * Runs one reading statement of Dremio's SQL.
   * @throws SqlError with the text for the job's `errorMessage`.
   */
  run(sql: string, options: QueryOptions): Promise<QueryResult>;
  close(): void;
}
