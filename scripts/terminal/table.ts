import { stripVTControlCharacters } from 'node:util';

export interface TableOptions {
  /** Columns that are aligned to the right, by index. */
  readonly right?: ReadonlySet<number>;
  /** Longest text of one cell, in characters; longer ones end in `…`. */
  readonly widest?: number;
  /** Whether a line separates the header from the rows. */
  readonly rule?: boolean;
}

/**
 * Lines of a table: columns as wide as their widest cell, two spaces between them, nothing after the last one.
 * Control characters in cells are made visible, so that data cannot steer the terminal.
 */
export function tableLines(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string[] {
  const widest = options.widest ?? 80;
  const cells = [header, ...rows].map((row) =>
    header.map((_, column) => shorten(row[column] ?? '', widest)),
  );
  const widths = header.map((_, column) =>
    Math.max(...cells.map((row) => displayWidth(row[column] ?? ''))),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const space = ' '.repeat((widths[column] ?? 0) - displayWidth(cell));
        return options.right?.has(column) ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  const lines = cells.map(line);
  if (options.rule) lines.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('  '));
  return lines;
}

/** Text from elsewhere, safe to print on one line: line breaks and control characters become visible signs. */
export function printable(text: string): string {
  return text
    .replaceAll('\r\n', '⏎')
    .replaceAll('\n', '⏎')
    .replaceAll('\t', '⇥')
    .replace(/[\p{Cc}\p{Bidi_Control}]/gu, '�');
}

function shorten(text: string, widest: number): string {
  const plain = stripVTControlCharacters(text);
  return plain.length <= widest ? text : `${[...plain].slice(0, widest - 1).join('')}…`;
}

const WIDE =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u;

/** Columns that a text takes on a terminal: combining marks none, East Asian wide characters and emoji two. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) {
    if (/[\p{Mn}\p{Cf}]/u.test(character)) continue;
    width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}
