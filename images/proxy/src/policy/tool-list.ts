/** The answer to `tools/list` with tools taken out of it; every other byte stays as the server wrote it. */
import { type Edit, eachMember, elements, type Span, splice } from '../jsonrpc/scan.ts';

export interface ListedTool {
  readonly name: string;
  readonly readOnly: boolean;
}

/** The lists of tools in an answer; undefined when it has none that can be read. */
function lists(bytes: Buffer): Span[] | undefined {
  const found: Span[] = [];
  const end = eachMember(bytes, 0, (key, result) => {
    if (key !== 'result') return true;
    eachMember(bytes, result.start, (name, value) => {
      if (name === 'tools') found.push(value);
      return true;
    });
    return true;
  });
  return end < 0 || found.length === 0 ? undefined : found;
}

function readTool(bytes: Buffer, { start, end }: Span): ListedTool | undefined {
  const tool: unknown = JSON.parse(bytes.toString('utf8', start, end));
  if (typeof tool !== 'object' || tool === null) return undefined;
  const { name, annotations } = tool as { name?: unknown; annotations?: unknown };
  if (typeof name !== 'string') return undefined;
  const hints = annotations as { readOnlyHint?: unknown } | null | undefined;
  return { name, readOnly: hints?.readOnlyHint === true };
}

/**
 * Takes out the tools that `keep` refuses, and those without a name.
 * @returns undefined when there is no list that can be read
 */
export function filterTools(
  bytes: Buffer,
  keep: (tool: ListedTool) => boolean,
): Buffer[] | undefined {
  const edits: Edit[] = [];
  try {
    for (const list of lists(bytes) ?? []) {
      const all = elements(bytes, list.start);
      if (!all) return undefined;
      const kept = all.filter((span) => {
        const tool = readTool(bytes, span);
        return tool !== undefined && keep(tool);
      });
      if (kept.length < all.length) edits.push(...without(list, all, kept));
      else edits.push({ span: { start: list.start, end: list.start }, value: '' });
    }
  } catch {
    return undefined;
  }
  return edits.length === 0 ? undefined : splice(bytes, edits);
}

/** Removes, between the brackets, everything but the kept elements and commas between them. */
function without(list: Span, all: readonly Span[], kept: readonly Span[]): Edit[] {
  const edits: Edit[] = [];
  let from = list.start + 1;
  kept.forEach((span, i) => {
    edits.push({ span: { start: from, end: span.start }, value: i === 0 ? '' : ',' });
    from = span.end;
  });
  const last = all.at(-1);
  if (last) edits.push({ span: { start: from, end: Math.max(from, last.end) }, value: '' });
  return edits;
}

/** The tools of an answer, and where the list goes on. */
export function readTools(
  bytes: Buffer,
): { tools: readonly ListedTool[]; nextCursor?: string } | undefined {
  const tools: ListedTool[] = [];
  if (!filterTools(bytes, (tool) => tools.push(tool) > 0)) return undefined;
  const { result } = JSON.parse(bytes.toString('utf8')) as { result: { nextCursor?: unknown } };
  const { nextCursor } = result;
  return { tools, ...(typeof nextCursor === 'string' ? { nextCursor } : {}) };
}
