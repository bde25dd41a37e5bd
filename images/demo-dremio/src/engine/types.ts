/** From the engine's types to Dremio's. */
import {
  type DuckDBArrayType,
  type DuckDBDecimalType,
  type DuckDBListType,
  type DuckDBMapType,
  type DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';
import type { ColumnType } from '../catalog/model.ts';

const SIMPLE: Partial<Record<DuckDBTypeId, string>> = {
  [DuckDBTypeId.BOOLEAN]: 'BOOLEAN',
  [DuckDBTypeId.TINYINT]: 'INTEGER',
  [DuckDBTypeId.SMALLINT]: 'INTEGER',
  [DuckDBTypeId.INTEGER]: 'INTEGER',
  [DuckDBTypeId.UTINYINT]: 'INTEGER',
  [DuckDBTypeId.USMALLINT]: 'INTEGER',
  [DuckDBTypeId.UINTEGER]: 'BIGINT',
  [DuckDBTypeId.BIGINT]: 'BIGINT',
  [DuckDBTypeId.UBIGINT]: 'BIGINT',
  // The engine's type of SUM over integers.
  [DuckDBTypeId.HUGEINT]: 'BIGINT',
  [DuckDBTypeId.UHUGEINT]: 'BIGINT',
  [DuckDBTypeId.FLOAT]: 'FLOAT',
  [DuckDBTypeId.DOUBLE]: 'DOUBLE',
  [DuckDBTypeId.BLOB]: 'VARBINARY',
  [DuckDBTypeId.DATE]: 'DATE',
  [DuckDBTypeId.TIME]: 'TIME',
  [DuckDBTypeId.TIME_TZ]: 'TIME',
  [DuckDBTypeId.TIME_NS]: 'TIME',
  [DuckDBTypeId.TIMESTAMP]: 'TIMESTAMP',
  [DuckDBTypeId.TIMESTAMP_S]: 'TIMESTAMP',
  [DuckDBTypeId.TIMESTAMP_MS]: 'TIMESTAMP',
  [DuckDBTypeId.TIMESTAMP_NS]: 'TIMESTAMP',
  [DuckDBTypeId.TIMESTAMP_TZ]: 'TIMESTAMP',
  [DuckDBTypeId.INTERVAL]: 'INTERVAL DAY TO SECOND',
};

/** The Dremio type of a column; what Dremio has no type for is text. */
export function dremioType(type: DuckDBType): ColumnType {
  switch (type.typeId) {
    case DuckDBTypeId.DECIMAL: {
      const { width, scale } = type as DuckDBDecimalType;
      return { name: 'DECIMAL', precision: width, scale };
    }
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
      return {
        name: 'LIST',
        subSchema: [{ type: dremioType((type as DuckDBListType | DuckDBArrayType).valueType) }],
      };
    case DuckDBTypeId.STRUCT: {
      const { entryNames, entryTypes } = type as DuckDBStructType;
      const field = (entry: DuckDBType, index: number) => ({
        name: entryNames[index] ?? '',
        type: dremioType(entry),
      });
      return { name: 'STRUCT', subSchema: entryTypes.map(field) };
    }
    case DuckDBTypeId.MAP: {
      const { keyType, valueType } = type as DuckDBMapType;
      return {
        name: 'MAP',
        subSchema: [
          { name: 'key', type: dremioType(keyType) },
          { name: 'value', type: dremioType(valueType) },
        ],
      };
    }
    default:
      return { name: SIMPLE[type.typeId] ?? 'VARCHAR' };
  }
}
