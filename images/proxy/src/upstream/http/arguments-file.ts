/**
 * The file of tool arguments that the operator sets: `{"auth_token": "…"}` for all tools, or by tool, with `*` for
 * all: `{"*": {"auth_token": "…"}, "query_sql": {"role": "analyst"}}`.
 */
import { NamedFileError } from '../../../../kit/src/named-file.ts';
import type { JsonObject } from '../../jsonrpc/message.ts';
import { isObject, readObjectFile } from './object-file.ts';

export interface ToolArguments {
  /** For each tool whose input schema asks for them. */
  readonly all: JsonObject;
  /** For one tool each, whatever its schema says; they go before those for all. */
  readonly byTool: ReadonlyMap<string, JsonObject>;
}

export const NO_ARGUMENTS: ToolArguments = { all: {}, byTool: new Map() };

const ALL = '*';
const REMEDY =
  'Write it as {"name of an argument": its value}, or as {"*": {…}, "name of a tool": {"name of an argument": its value}}; {} is no argument at all.';

/**
 * Reads a file of tool arguments.
 * @throws NamedFileError when it cannot be read, or is neither of the two forms
 */
export async function readArguments(path: string): Promise<ToolArguments> {
  const given = await readObjectFile(path, REMEDY);
  if (!Object.hasOwn(given, ALL)) return { all: given, byTool: new Map() };
  const tools = Object.entries(given).map(([tool, values]): [string, JsonObject] => {
    if (isObject(values)) return [tool, values];
    const reason = `has the member "*", and ${JSON.stringify(tool.slice(0, 64))} beside it, whose value is not an object`;
    throw new NamedFileError(path, { reason, remedy: REMEDY });
  });
  const byTool = new Map(tools);
  const all = byTool.get(ALL) ?? {};
  byTool.delete(ALL);
  return { all, byTool };
}
