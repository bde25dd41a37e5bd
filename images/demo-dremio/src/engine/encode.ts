/**
 * Writes result values as JSON text, in Dremio's forms (DataJsonOutput.java): numbers stay exact because they
 * never pass through a double.
 */
import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  DuckDBTimeValue,
  type DuckDBValue,
} from '@duckdb/node-api';

/** Times end in exactly three digits of a second. */
function withMilliseconds(text: string): string {
  const [, time, fraction = ''] = /^(.*:\d\d)(?:\.(\d+))?$/.exec(text) ?? [];
  return time === undefined ? text : `${time}.${fraction.slice(0, 3).padEnd(3, '0')}`;
}

const field = (name: string, value: DuckDBValue): string =>
  `${JSON.stringify(name)}:${encodeValue(value)}`;

function encodeObject(value: object): string {
  if (value instanceof DuckDBDecimalValue) return value.toString();
  if (value instanceof DuckDBBlobValue)
    return JSON.stringify(Buffer.from(value.bytes).toString('base64'));
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue)
    return `[${value.items.map(encodeValue).join(',')}]`;
  if (value instanceof DuckDBStructValue)
    return `{${Object.entries(value.entries)
      // Dremio leaves fields without a value out of a struct.
      .filter(([, entry]) => entry !== null)
      .map(([name, entry]) => field(name, entry))
      .join(',')}}`;
  if (value instanceof DuckDBMapValue)
    return `{${value.entries.map(({ key, value: entry }) => field(String(key), entry)).join(',')}}`;
  if (value instanceof DuckDBTimestampTZValue)
    return encodeObject(new DuckDBTimestampValue(value.micros));
  if (value instanceof DuckDBTimeTZValue) return encodeObject(new DuckDBTimeValue(value.micros));
  if (
    value instanceof DuckDBTimestampValue ||
    value instanceof DuckDBTimestampSecondsValue ||
    value instanceof DuckDBTimestampMillisecondsValue ||
    value instanceof DuckDBTimestampNanosecondsValue ||
    value instanceof DuckDBTimeValue
  )
    return JSON.stringify(withMilliseconds(value.toString()));
  return JSON.stringify(String(value));
}

/** One value as JSON text. */
export function encodeValue(value: DuckDBValue): string {
  switch (typeof value) {
    case 'bigint':
      return value.toString();
    case 'number':
      // JSON has no NaN and no infinity; Dremio's writer puts them in quotes.
      return Number.isFinite(value) ? JSON.stringify(value) : JSON.stringify(String(value));
    case 'object':
      return value === null ? 'null' : encodeObject(value);
    default:
      return JSON.stringify(value);
  }
}

/** One row as the text of a JSON object. */
export function encodeRow(names: readonly string[], row: readonly DuckDBValue[]): string {
  return `{${names.map((name, index) => field(name, row[index] ?? null)).join(',')}}`;
}
