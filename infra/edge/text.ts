/** The few forms that a Caddyfile is made of. */

export type Lines = readonly string[];

/** `head { … }` with its contents indented; without a head, the block of global options. */
export function block(head: string, ...contents: readonly (string | Lines)[]): Lines {
  return [`${head} {`.trim(), ...contents.flat().map((line) => `\t${line}`), '}'];
}

/** Lines that are there under a condition. */
export const when = (condition: boolean, ...lines: readonly (string | Lines)[]): Lines =>
  condition ? lines.flat() : [];

/** No space, quote, brace, backslash or line break: it stays one word, and no placeholder. */
const WORD = /^[\w.~:/?&=%@+,[\]-]+$/;

/**
 * The value as it is written into the text.
 * @throws Error when it would be more than one word there
 */
export function word(option: string, value: string): string {
  if (WORD.test(value)) return value;
  throw new Error(
    `${option} is ${JSON.stringify(value)}; expected one word of letters, digits and . _ ~ : / ? & = % @ + , [ ] -`,
  );
}
