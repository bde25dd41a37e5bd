/** Tool arguments that the operator sets: clients neither give nor see them. */
import { type ClientRequest, type JsonObject, renumber } from '../../jsonrpc/message.ts';
import { type Edit, elements, splice } from '../../jsonrpc/scan.ts';
import { NO_ARGUMENTS, type ToolArguments } from './arguments-file.ts';
import {
  insertMembers,
  isObjectAt,
  memberAt,
  parsed,
  removeMembers,
  removeStrings,
  valueAt,
} from './json-edits.ts';
import type { ToolInputs } from './tool-inputs.ts';

type Tools = Pick<ToolInputs, 'takes'>;

export class FixedArguments {
  readonly #given: ToolArguments;
  readonly #all: ReadonlySet<string>;

  constructor(given = NO_ARGUMENTS) {
    this.#given = given;
    this.#all = new Set(Object.keys(given.all));
  }

  /** Names that clients of this tool neither give nor see, also where the tool does not ask for them. */
  reserved(tool: string): ReadonlySet<string> {
    const own = this.#given.byTool.get(tool);
    return own ? new Set([...this.#all, ...Object.keys(own)]) : this.#all;
  }

  /** What a call of this tool gets. */
  of(tool: string, tools: Tools): JsonObject {
    const asked = Object.entries(this.#given.all).filter(([name]) => tools.takes(tool, name));
    return { ...Object.fromEntries(asked), ...this.#given.byTool.get(tool) };
  }

  /** The tools that get each argument, by its name. */
  takers(tools: ToolInputs): Map<string, string[]> {
    const takers = new Map<string, string[]>();
    for (const tool of tools.names)
      for (const argument of Object.keys(this.of(tool, tools)))
        takers.set(argument, [...(takers.get(argument) ?? []), tool]);
    return takers;
  }

  /** What is in the file and no call gets, in words. */
  unused(tools: ToolInputs): string[] {
    const { all, byTool } = this.#given;
    const { names } = tools;
    return [
      ...Object.keys(all)
        .filter((argument) => !names.some((tool) => tools.takes(tool, argument)))
        .map((argument) => `no tool of the server takes the argument ${argument}`),
      ...[...byTool.keys()]
        .filter((tool) => !tools.digests.has(tool))
        .map((tool) => `the server offers no tool ${tool}`),
    ];
  }

  /** False for arguments that are no object, which nothing can be put into and which no server takes. */
  fits(request: ClientRequest): boolean {
    const { argumentsSpan: given, bytes } = request;
    return given === undefined || this.#reservedBy(request).size === 0 || isObjectAt(bytes, given);
  }

  /** The request as it goes to the server. */
  outbound(request: ClientRequest, id: number, tools: Tools): Buffer[] {
    return renumber(request, id, this.#edits(request, tools));
  }

  /** An answer to `tools/list` without the reserved names in the schemas. */
  hidden(answer: Buffer): Buffer {
    if (this.#all.size === 0 && this.#given.byTool.size === 0) return answer;
    const tools = valueAt(answer, ['result', 'tools']);
    const edits = (tools && elements(answer, tools.start))?.flatMap(({ start }) => {
      const name = memberAt(answer, start, 'name');
      const schema = memberAt(answer, start, 'inputSchema');
      if (!name || !schema) return [];
      return hiddenIn(answer, schema.start, this.reserved(String(parsed(answer, name))));
    });
    return edits && edits.length > 0 ? Buffer.concat(splice(answer, edits)) : answer;
  }

  #reservedBy({ method, params: { name } }: ClientRequest): ReadonlySet<string> {
    return method === 'tools/call' && typeof name === 'string' ? this.reserved(name) : NONE;
  }

  #edits(request: ClientRequest, tools: Tools): Edit[] {
    const reserved = this.#reservedBy(request);
    if (reserved.size === 0) return [];
    const { bytes, argumentsSpan: given } = request;
    const text = JSON.stringify(this.of(String(request.params.name), tools)).slice(1, -1);
    if (given === undefined) {
      const params = valueAt(bytes, ['params']);
      if (!params || text === '') return [];
      return [insertMembers(bytes, params.start, `"arguments":{${text}}`)];
    }
    const cleared = removeMembers(bytes, given.start, reserved);
    if (text === '') return cleared;
    const only = splice(bytes, cleared);
    // Whether something is left behind what is put in front decides about the comma.
    const left = Buffer.concat(only).subarray(given.start);
    const { value } = insertMembers(left, 0, text);
    const inside = given.start + 1;
    return [{ span: { start: inside, end: inside }, value }, ...cleared];
  }
}

const NONE: ReadonlySet<string> = new Set();

function hiddenIn(bytes: Buffer, schema: number, names: ReadonlySet<string>): Edit[] {
  const properties = memberAt(bytes, schema, 'properties');
  const required = memberAt(bytes, schema, 'required');
  return [
    ...(properties ? removeMembers(bytes, properties.start, names) : []),
    ...(required ? removeStrings(bytes, required.start, names) : []),
  ];
}
