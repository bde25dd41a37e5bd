/** The tools of a server, with the arguments that their input schemas ask for. */
import { readToolPage } from '../handshake.ts';
import { digestOf, type ToolDigests } from '../tool-digests.ts';
import { isObject } from './object-file.ts';

const MAX_PAGES = 20;

interface Input {
  readonly properties: ReadonlySet<string>;
  /** The schema asks for arguments beside its properties; when it only does not forbid them, it does not ask. */
  readonly open: boolean;
}

export class ToolInputs {
  readonly #inputs = new Map<string, Input>();
  readonly #digests = new Map<string, string>();

  /**
   * Reads all pages of `tools/list`.
   * @throws what `ask` throws
   */
  static async read(ask: (params: { cursor?: string }) => Promise<unknown>): Promise<ToolInputs> {
    const tools = new ToolInputs();
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      cursor = tools.learn(await ask(cursor === undefined ? {} : { cursor }));
      if (cursor === undefined) break;
    }
    return tools;
  }

  get names(): readonly string[] {
    return [...this.#digests.keys()];
  }

  get digests(): ToolDigests {
    return this.#digests;
  }

  /** True when the tool is known and asks for an argument of this name. */
  takes(tool: string, argument: string): boolean {
    const input = this.#inputs.get(tool);
    return input !== undefined && (input.open || input.properties.has(argument));
  }

  /** Takes the tools of a page of `tools/list`. @returns where the list goes on */
  learn(result: unknown): string | undefined {
    const { tools, next } = readToolPage(result);
    for (const tool of tools) {
      this.#digests.set(tool.name, digestOf(tool));
      this.#inputs.set(tool.name, readInput(tool.inputSchema));
    }
    return next;
  }
}

function readInput(schema: unknown): Input {
  const { properties, additionalProperties: more } = isObject(schema) ? schema : {};
  return {
    properties: new Set(isObject(properties) ? Object.keys(properties) : []),
    open: more === true || isObject(more),
  };
}
