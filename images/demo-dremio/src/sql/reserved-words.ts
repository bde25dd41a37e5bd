/**
 * Dremio reserves words that the engine lets pass as names. This check refuses them where they can only be names,
 * so that a suite that passes here also parses there (Parser.tdd, `nonReservedKeywords`; the vendor's keyword page).
 */
import { encountered, parsingFailure } from './sql-error.ts';
import { isSignificant, type Token, tokenize } from './tokenizer.ts';

/** Units and types that have uses of their own in SQL besides being reserved. */
const UNITS = new Set('YEAR QUARTER MONTH WEEK DAY HOUR MINUTE SECOND'.split(' '));
const TYPES = new Set('DATE TIME TIMESTAMP INTERVAL'.split(' '));
/** Words that are only reserved. */
const PLAIN = new Set(
  'COLUMNS TABLES VALUE USER ROW START END COUNT SUM MIN MAX AVG RANK'.split(' '),
);

/** Functions whose argument list names a unit: `EXTRACT(YEAR FROM x)`, `TIMESTAMPADD(DAY, 1, x)`. */
const UNIT_FUNCTIONS = new Set('EXTRACT TIMESTAMPADD TIMESTAMPDIFF FLOOR CEIL'.split(' '));

interface Place {
  readonly word: string;
  readonly before: readonly Token[];
  readonly next: Token | undefined;
}

const upper = (token: Token | undefined): string => token?.text.toUpperCase() ?? '';

/** Whether the nearest open parenthesis before belongs to one of these functions. */
function insideCallOf(before: readonly Token[], functions: ReadonlySet<string>): boolean {
  let depth = 0;
  for (let index = before.length - 1; index >= 0; index--) {
    const text = before[index]?.text;
    if (text === ')') depth++;
    else if (text === '(' && depth-- === 0) return functions.has(upper(before[index - 1]));
  }
  return false;
}

const CASTS = new Set(['CAST', 'TRY_CAST', 'CONVERT']);

function mayStand({ word, before, next }: Place): boolean {
  const previous = upper(before.at(-1));
  // A call, e.g. YEAR(x), or a literal, e.g. DATE '2020-01-01'.
  if (next?.text === '(' || next?.kind === 'string') return true;
  if (word === 'END') return true;
  if (TYPES.has(word) && previous === 'AS' && insideCallOf(before, CASTS)) return true;
  if (!UNITS.has(word)) return false;
  if (insideCallOf(before, UNIT_FUNCTIONS)) return previous === '(' || previous === 'TO';
  // INTERVAL '1' DAY, INTERVAL '1-2' YEAR TO MONTH, CAST(1 AS INTERVAL DAY).
  return before.at(-1)?.kind === 'string' || previous === 'TO' || previous === 'INTERVAL';
}

/** @throws SqlError naming the first reserved word that stands where only a name can. */
export function refuseReservedWords(sql: string): void {
  const tokens = tokenize(sql).filter(isSignificant);
  for (const [index, token] of tokens.entries()) {
    const word = upper(token);
    if (token.kind !== 'word' || !(UNITS.has(word) || TYPES.has(word) || PLAIN.has(word))) continue;
    if (!mayStand({ word, before: tokens.slice(0, index), next: tokens[index + 1] }))
      throw parsingFailure(`${encountered(sql, token)} Put the name in double quotes.`);
  }
}
