/** Chains of names (`a.b."c"`) in SQL text. */
import { isSignificant, nameOf, tokenize } from './tokenizer.ts';

/** Every chain of a text, in order; each is the list of its names. */
export function nameChains(sql: string): string[][] {
  const chains: string[][] = [];
  let open: string[] | undefined;
  let dotted = false;
  for (const token of tokenize(sql).filter(isSignificant)) {
    const name = nameOf(token);
    if (name !== undefined && open && dotted) open.push(name);
    else if (name !== undefined) {
      open = [name];
      chains.push(open);
    } else if (token.text !== '.') open = undefined;
    dotted = token.text === '.';
  }
  return chains;
}
