/** Turns the engine's error messages into the words that Dremio has for the common ones. */
import { INTERNAL_INFORMATION_SCHEMA } from './rewrite.ts';
import { SqlError } from './sql-error.ts';

/** The deepest container that exists on the way to an object. */
export interface MissingObject {
  readonly name: string;
  readonly within: readonly string[];
}

export const notFound = ({ name, within }: MissingObject): SqlError =>
  new SqlError(
    within.length > 0
      ? `Object '${name}' not found within '${within.join('.')}'`
      : `Object '${name}' not found`,
  );

/** Whether the engine's parser stumbled over a path of more than three names. */
export const isPathTooDeep = (message: string): boolean => message.includes('NameListToString');

type Translation = readonly [RegExp, (first: string, second: string) => string];

const TRANSLATIONS: readonly Translation[] = [
  [
    /^Binder Error: Referenced column "((?:[^"]|"")+)" (?:not )?/,
    (column) => `Column '${column}' not found in any table`,
  ],
  [
    /^Binder Error: Table "((?:[^"]|"")+)" does not have a column named "((?:[^"]|"")+)"/,
    (table, column) => `Column '${column}' not found in table '${table}'`,
  ],
  [
    /^Catalog Error: (?:(?:Scalar|Aggregate|Table) )?Function with name "?([^\s"]+)"? does not exist/,
    (called) => `No match found for function signature ${called.toUpperCase()}`,
  ],
  [/^Parser Error: ([\s\S]*)$/, (detail) => `Failure parsing the query.\n\n${detail}`],
];

/** The engine's message in Dremio's words where there are such, else as it is, without its class. */
export function dremioErrorText(message: string): string {
  const text = message
    .replaceAll(INTERNAL_INFORMATION_SCHEMA, 'INFORMATION_SCHEMA')
    // The engine quotes the rewritten statement below its message; it means nothing to the caller.
    .replace(/\n+LINE \d+:[\s\S]*$/, '')
    .replace(/^Failed to extract statements: /, '')
    .trim();
  for (const [pattern, translate] of TRANSLATIONS) {
    const found = pattern.exec(text);
    if (found) return translate(found[1] ?? '', found[2] ?? '');
  }
  return text.replace(/^(?:\w+ )+Error: /, '');
}
