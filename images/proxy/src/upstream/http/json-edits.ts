/** Changes to a JSON message that leave all its other bytes as they are. */
import { type Edit, eachMember, elements, type Span, skipSpace } from '../../jsonrpc/scan.ts';

const OPEN_OBJECT = 0x7b;

/** The value of a member of the object at `at`; the last one when its key stands twice, as JSON.parse has it. */
export function memberAt(bytes: Buffer, at: number, name: string): Span | undefined {
  let found: Span | undefined;
  eachMember(bytes, at, (key, span) => {
    if (key === name) found = span;
    return true;
  });
  return found;
}

/** The value at a path of keys. */
export function valueAt(bytes: Buffer, path: readonly string[]): Span | undefined {
  let span: Span | undefined = { start: 0, end: bytes.length };
  for (const key of path) span = span && memberAt(bytes, span.start, key);
  return span;
}

/** True when an object begins at the start of the span. */
export const isObjectAt = (bytes: Buffer, { start }: Span) => bytes[start] === OPEN_OBJECT;

/** Puts members, as JSON text without braces, in front of those of the object that begins at `at`. */
export function insertMembers(bytes: Buffer, at: number, members: string): Edit {
  const inside = skipSpace(bytes, at) + 1;
  const empty = bytes[skipSpace(bytes, inside)] === 0x7d;
  return { span: { start: inside, end: inside }, value: empty ? members : `${members},` };
}

/** Takes out the members of the object at `at` whose key is among `names`. */
export function removeMembers(bytes: Buffer, at: number, names: ReadonlySet<string>): Edit[] {
  const items: Item[] = [];
  let next = skipSpace(bytes, skipSpace(bytes, at) + 1);
  eachMember(bytes, at, (key, { end }) => {
    items.push({ start: next, end, removed: names.has(key) });
    // Behind a value comes a comma, and then the next key.
    next = skipSpace(bytes, skipSpace(bytes, end) + 1);
    return true;
  });
  return removals(items);
}

/** Takes out the strings of the array at `at` that are among `names`. */
export function removeStrings(bytes: Buffer, at: number, names: ReadonlySet<string>): Edit[] {
  const spans = elements(bytes, at) ?? [];
  return removals(
    spans.map(({ start, end }) => {
      const value = parsed(bytes, { start, end });
      return { start, end, removed: typeof value === 'string' && names.has(value) };
    }),
  );
}

/** The value of the span, decoded; undefined when it is not JSON. */
export function parsed(bytes: Buffer, { start, end }: Span): unknown {
  try {
    return JSON.parse(bytes.toString('utf8', start, end)) as unknown;
  } catch {
    return undefined;
  }
}

interface Item extends Span {
  readonly removed: boolean;
}

/** Removes items together with the comma behind them, or before them once something is kept. */
function removals(items: readonly Item[]): Edit[] {
  const edits: Edit[] = [];
  let kept = false;
  for (const [index, { start, end, removed }] of items.entries()) {
    if (!removed) kept = true;
    else {
      const before = items[index - 1];
      const span =
        kept && before
          ? { start: before.end, end }
          : { start, end: items[index + 1]?.start ?? end };
      edits.push({ span, value: '' });
    }
  }
  return edits;
}
