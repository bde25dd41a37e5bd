/** The catalog's model: containers and datasets in a tree, without I/O and without REST shapes. */
import { createHash } from 'node:crypto';

/** A column type by Dremio's name (SqlTypeNameVisitor.java). */
export interface ColumnType {
  readonly name: string;
  readonly precision?: number;
  readonly scale?: number;
  /** Of LIST one unnamed entry, of STRUCT one for each field, of MAP the key and the value. */
  readonly subSchema?: readonly { readonly name?: string; readonly type: ColumnType }[];
}

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

interface Common {
  readonly id: string;
  readonly path: readonly string[];
  /** Version tag of the entity. */
  readonly tag: string;
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number;
  readonly wiki?: string;
}

export interface Container extends Common {
  readonly kind: 'home' | 'source' | 'folder' | 'system';
  readonly children: readonly CatalogNode[];
}

export interface Dataset extends Common {
  readonly kind: 'table' | 'view' | 'system-table';
  readonly columns: readonly Column[];
  readonly labels: readonly string[];
  /** The view's statement, in Dremio's SQL. */
  readonly sql?: string;
  /** Paths of the datasets that a view reads. */
  readonly parents?: readonly (readonly string[])[];
}

/** A file of a source that no one has formatted as a table. */
export interface File extends Common {
  readonly kind: 'file';
}

export type CatalogNode = Container | Dataset | File;

export const isContainer = (node: CatalogNode): node is Container => 'children' in node;
export const isDataset = (node: CatalogNode): node is Dataset => 'columns' in node;

export const varchar = (name: string): Column => ({ name, type: { name: 'VARCHAR' } });
export const typed = (type: string, name: string): Column => ({ name, type: { name: type } });

/** The same UUID for the same text on every start, so that ids can be kept. */
export function stableId(...text: readonly string[]): string {
  const hex = createHash('sha256').update(JSON.stringify(text)).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
