/** From Dremio's SQL to the engine's: one read-only statement in, one statement with internal names out. */
import { encountered, parsingFailure, SqlError } from './sql-error.ts';
import { isSignificant, nameOf, quoteName, type Token, tokenize } from './tokenizer.ts';

/**
 * Where the engine keeps the tables of `INFORMATION_SCHEMA`: it has a schema of that name itself, with other
 * columns, and lets no one replace it.
 */
export const INTERNAL_INFORMATION_SCHEMA = '$information_schema';
const INFORMATION_SCHEMA = 'INFORMATION_SCHEMA';

/** How a statement that only reads may begin. */
const READING = new Set(['SELECT', 'WITH', 'VALUES']);

/** Statements that Dremio has and that are refused by name; any other first word is a mistake in the text. */
const REFUSED = new Set(
  `ALTER ANALYZE CALL COPY CREATE DELETE DESCRIBE DROP EXPLAIN GRANT INSERT MERGE OPTIMIZE REFRESH RESET REVOKE
  ROLLBACK SET SHOW TRUNCATE UPDATE USE VACUUM`.split(/\s+/),
);

/** Index of the next significant token after `index`, going by `step`; -1 when there is none. */
function neighbour(tokens: readonly Token[], index: number, step: 1 | -1): number {
  for (let i = index + step; i >= 0 && i < tokens.length; i += step) {
    const token = tokens[i];
    if (token && isSignificant(token)) return i;
  }
  return -1;
}

/** Removes one trailing semicolon; anything after an earlier one is a second statement. */
function singleStatement(tokens: readonly Token[]): Token[] {
  const kept = [...tokens];
  const last = neighbour(kept, kept.length, -1);
  if (kept[last]?.text === ';') kept.splice(last, 1);
  if (kept.some(({ kind, text }) => kind === 'symbol' && text === ';'))
    throw parsingFailure('Only a single statement is allowed.');
  return kept;
}

function requireReading(sql: string, tokens: readonly Token[]): void {
  const first = tokens.find((token) => isSignificant(token) && token.text !== '(');
  if (!first) throw parsingFailure('The statement is empty.');
  const word = first.text.toUpperCase();
  if (first.kind === 'word' && READING.has(word)) return;
  if (first.kind === 'word' && REFUSED.has(word))
    throw new SqlError(
      `${word} is not supported: this demo server only answers queries that begin with SELECT, WITH or VALUES.`,
    );
  throw parsingFailure(encountered(sql, first));
}

/** Whether the token starts a chain of names (`a.b.c`) that goes on after it. */
function startsChain(tokens: readonly Token[], index: number): boolean {
  const before = tokens[neighbour(tokens, index, -1)];
  const after = tokens[neighbour(tokens, index, 1)];
  return before?.text !== '.' && after?.text === '.';
}

/** Names that need their place in the engine said in full, by name in upper case. */
export type Homes = ReadonlyMap<string, readonly string[]>;

const DEFAULT_HOMES: Homes = new Map([[INFORMATION_SCHEMA, [INTERNAL_INFORMATION_SCHEMA]]]);

function replacement(tokens: readonly Token[], token: Token, index: number, homes: Homes): string {
  const home = homes.get(nameOf(token)?.toUpperCase() ?? '');
  if (home && startsChain(tokens, index)) return home.map(quoteName).join('.');
  // Unquoted `$scratch` is a name to Dremio and a parameter to the engine.
  if (token.kind === 'dollar') return quoteName(token.text);
  return token.text;
}

/**
 * The statement as the engine is to run it.
 * @throws SqlError when it is empty, more than one, or does not begin like a query.
 */
export function rewrite(sql: string, homes: Homes = DEFAULT_HOMES): string {
  const tokens = singleStatement(tokenize(sql));
  requireReading(sql, tokens);
  return tokens.map((token, index) => replacement(tokens, token, index, homes)).join('');
}
