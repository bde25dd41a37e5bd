/** Pieces of GitHub's Markdown that show any text as it is: no mention, link or HTML comes out of it. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours and other control sequences (ECMA-48) go.
const CONTROL = /\u001b\[[0-9;?]*[ -/]*[@-~]|[\u0000-\u0008\u000b-\u001f\u007f]/g;

const plain = (text: string) => text.replace(CONTROL, '');

/** Text of at most so many characters; what is cut off is said. */
export function shortened(text: string, most: number): string {
  const characters = [...text];
  if (characters.length <= most) return text;
  return `${characters.slice(0, most).join('')} … (${characters.length - most} characters left out)`;
}

/** On one line, for tables too. */
export function inlineCode(text: string): string {
  const line = plain(text).replace(/\s+/g, ' ').replaceAll('|', '\\|').trim();
  const fence = '`'.repeat(longestRun(line) + 1);
  return `${fence} ${line} ${fence}`;
}

/** On lines of its own. */
export function codeBlock(text: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}text\n${plain(text).trimEnd()}\n${fence}`;
}

const longestRun = (text: string) =>
  Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));

/** At most so many rows; how many more there are is said below. */
export function table(heads: readonly string[], rows: readonly string[][], most: number): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const more = rows.length - most;
  return [
    line(heads),
    line(heads.map(() => '---')),
    ...rows.slice(0, most).map(line),
    ...(more > 0 ? ['', `… and ${more} more.`] : []),
  ].join('\n');
}

/** Folded away until a reader opens it. */
export const details = (summary: string, body: string) =>
  `<details><summary>${summary}</summary>\n\n${body}\n\n</details>`;
