/** What came of one statement. */
export type SqlAnswer =
  | { readonly kind: 'rows'; readonly rows: readonly Readonly<Record<string, unknown>>[] }
  | { readonly kind: 'error'; readonly message: string }
  /** The client may not query, or the server has no such tool; with the tools that there are. */
  | { readonly kind: 'not_offered'; readonly tools: readonly string[] };

interface ToolResult {
  readonly isError?: boolean;
  readonly content?: readonly { readonly type: string; readonly text?: string }[];
}

/**
 * Reads the answer of `RunSqlQuery`: JSON text with `result` (older servers: `results`), a list of rows. An error
 * comes with `isError`, or, from older servers, as an ordinary answer with `error` in it.
 */
export function answerOf(answer: ToolResult): SqlAnswer {
  const text = answer.content?.find(({ type }) => type === 'text')?.text ?? '';
  const body = parse(text);
  if (isObject(body)) {
    const rows = body.result ?? body.results;
    if (answer.isError !== true && Array.isArray(rows))
      return { kind: 'rows', rows: rows.filter(isObject) };
    // `message` is the same sentence for every failed statement; `error` says what is wrong with this one.
    const said = [body.error, body.message].find((word) => typeof word === 'string' && word !== '');
    if (typeof said === 'string') return { kind: 'error', message: said.replace(/\s*\n\s*/g, ' ') };
  }
  return { kind: 'error', message: text.trim() || 'the server answered with nothing' };
}

/** Columns of rows in the order in which they first appear. */
export function columnsOf(rows: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

/** A value as a cell of a table: text as it is, nothing for NULL's absence but the word, objects as JSON. */
export function cellOf(value: unknown): string {
  if (value === null) return 'NULL';
  if (value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
