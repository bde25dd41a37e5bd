/** The tools of a server, with the arguments that their input schemas ask for. */
import { readToolNames } from '../handshake.ts';
import { isObject } from './object-file.ts';

const MAX_PAGES = 20;

interface Input {
  readonly properties: ReadonlySet<string>;
  /** The schema asks for arguments beside its properties; when it only does not forbid them, it does not ask. */
  readonly open: boolean;
}

export class ToolInputs {
  readonly #inputs = new Map<string, Input>();
  readonly #names = new Set<string>();

  /**
   * Reads all pages of `tools/list`.
   * @throws what `ask` throws
   */
  static async read(ask: (params: { cursor?: string }) => Promise<unknown>): Promise<ToolInputs> {
    const tools = new ToolInputs();
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const result = await ask(cursor === undefined ? {} : { cursor });
      tools.learn(result);
      cursor = readToolNames(result).next;
      if (cursor === undefined) break;
    }
    return tools;
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** True when the tool is known and asks for an argument of this name. */
  takes(tool: string, argument: string): boolean {
    const input = this.#inputs.get(tool);
    return input !== undefined && (input.open || input.properties.has(argument));
  }

  /** Takes the tools of a page of `tools/list`; what has no name is passed over. */
  learn(result: unknown): void {
    const tools = isObject(result) ? result.tools : undefined;
    for (const tool of Array.isArray(tools) ? tools : []) {
      if (!isObject(tool) || typeof tool.name !== 'string') continue;
      this.#names.add(tool.name);
      this.#inputs.set(tool.name, readInput(tool.inputSchema));
    }
  }
}

function readInput(schema: unknown): Input {
  const { properties, additionalProperties: more } = isObject(schema) ? schema : {};
  return {
    properties: new Set(isObject(properties) ? Object.keys(properties) : []),
    open: more === true || isObject(more),
  };
}
