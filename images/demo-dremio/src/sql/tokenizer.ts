/** Splits SQL text into tokens without losing a character, so that names can be replaced and nothing else. */

/**
 * `word`: an unquoted name or keyword. `quoted`: a name in double quotes. `string`: any form of string literal.
 * `dollar`: `$name`, which Dremio takes for a name. `space` and `comment` separate tokens.
 */
export type TokenKind =
  | 'word'
  | 'quoted'
  | 'string'
  | 'number'
  | 'dollar'
  | 'symbol'
  | 'space'
  | 'comment';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset of the first character. */
  readonly start: number;
}

/** Tried in order at each position; every expression is sticky. An unclosed quote or comment runs to the end. */
const RULES: readonly (readonly [TokenKind, RegExp])[] = [
  ['space', /\s+/y],
  ['comment', /--[^\n]*/y],
  ['string', /[eExXbB]?'/y],
  ['string', /\$([A-Za-z_][A-Za-z_0-9]*)?\$/y],
  ['quoted', /"(?:[^"]|"")*(?:"|$)/y],
  ['dollar', /\$[A-Za-z_][A-Za-z_0-9]*/y],
  ['word', /[\p{L}_][\p{L}\p{N}_$]*/uy],
  ['number', /(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?/y],
];

/** End of a block comment that starts at `start`; comments nest, as they do in the engine. */
function endOfComment(sql: string, start: number): number {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  let depth = 0;
  for (let found = edge.exec(sql); found; found = edge.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  return sql.length;
}

function endOfString(sql: string, opening: string, start: number): number {
  const from = start + opening.length;
  if (opening.startsWith('$')) {
    const end = sql.indexOf(opening, from);
    return end < 0 ? sql.length : end + opening.length;
  }
  const body = /^e/i.test(opening) ? /(?:[^'\\]|\\[\s\S]|'')*(?:'|$)/y : /(?:[^']|'')*(?:'|$)/y;
  body.lastIndex = from;
  return from + (body.exec(sql)?.[0].length ?? sql.length - from);
}

function endOfToken(sql: string, start: number): { kind: TokenKind; end: number } {
  if (sql.startsWith('/*', start)) return { kind: 'comment', end: endOfComment(sql, start) };
  for (const [kind, rule] of RULES) {
    rule.lastIndex = start;
    const found = rule.exec(sql)?.[0];
    if (found === undefined) continue;
    return { kind, end: kind === 'string' ? endOfString(sql, found, start) : start + found.length };
  }
  return { kind: 'symbol', end: start + ((sql.codePointAt(start) ?? 0) > 0xffff ? 2 : 1) };
}

/** The tokens of a text; joined again they are the text. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  for (let start = 0; start < sql.length; ) {
    const { kind, end } = endOfToken(sql, start);
    tokens.push({ kind, text: sql.slice(start, end), start });
    start = end;
  }
  return tokens;
}

/** Whether a token carries meaning, unlike white space and comments. */
export const isSignificant = ({ kind }: Token): boolean => kind !== 'space' && kind !== 'comment';

/** The name that a token stands for, or undefined when it cannot be a name. */
export function nameOf(token: Token | undefined): string | undefined {
  switch (token?.kind) {
    case 'word':
    case 'dollar':
      return token.text;
    case 'quoted':
      return token.text.slice(1, token.text.endsWith('"') ? -1 : undefined).replaceAll('""', '"');
    default:
      return undefined;
  }
}

/** A name in double quotes, whatever it contains. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
