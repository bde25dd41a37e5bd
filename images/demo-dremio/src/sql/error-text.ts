/** Turns the engine's error messages into the words that Dremio has for the common ones. */
import { INTERNAL_INFORMATION_SCHEMA } from './rewrite.ts';

/** The deepest container that exists on the way to an object. */
export interface MissingObject {
  readonly name: string;
  readonly within: readonly string[];
}

/** The last is what the parser says of a path with more than three names. */
const UNKNOWN_TABLE = /^(?:Catalog|Binder) Error: (?:Table with|Catalog "|Schema)|NameListToString/;

const quoted = (text: string): string => text.replace(/^"|"$/g, '');

/**
 * @param message the engine's message
 * @param missing the first table of the statement that the catalog does not know, if any
 */
export function dremioErrorText(message: string, missing: MissingObject | undefined): string {
  const text = message
    .replaceAll(INTERNAL_INFORMATION_SCHEMA, 'INFORMATION_SCHEMA')
    // The engine quotes the rewritten statement below its message; it means nothing to the caller.
    .replace(/\n+LINE \d+:[\s\S]*$/, '')
    .replace(/^Failed to extract statements: /, '')
    .trim();
  if (missing && UNKNOWN_TABLE.test(text))
    return missing.within.length > 0
      ? `Object '${missing.name}' not found within '${missing.within.join('.')}'`
      : `Object '${missing.name}' not found`;
  const column = /^Binder Error: Referenced column "((?:[^"]|"")+)" (?:not )?/.exec(text)?.[1];
  if (column) return `Column '${column}' not found in any table`;
  const ofTable =
    /^Binder Error: Table "((?:[^"]|"")+)" does not have a column named "((?:[^"]|"")+)"/.exec(
      text,
    );
  if (ofTable?.[1] && ofTable[2])
    return `Column '${ofTable[2]}' not found in table '${ofTable[1]}'`;
  const called =
    /^Catalog Error: (?:Scalar|Aggregate|Table)? ?Function with name (\S+) does not exist/i.exec(
      text,
    )?.[1];
  if (called) return `No match found for function signature ${quoted(called).toUpperCase()}`;
  const parser = /^Parser Error: ([\s\S]*)$/.exec(text)?.[1];
  if (parser) return `Failure parsing the query.\n\n${parser}`;
  return text.replace(/^(?:\w+ )+Error: /, '');
}
