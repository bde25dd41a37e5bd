/** Tool arguments that the operator sets for every call: clients neither give nor see them. */
import { type ClientRequest, type JsonObject, renumber } from '../../jsonrpc/message.ts';
import { type Edit, elements, splice } from '../../jsonrpc/scan.ts';
import {
  insertMembers,
  isObjectAt,
  memberAt,
  removeMembers,
  removeStrings,
  valueAt,
} from './json-edits.ts';

export class FixedArguments {
  readonly #names: ReadonlySet<string>;
  readonly #text: string;

  constructor(values: JsonObject) {
    this.#names = new Set(Object.keys(values));
    this.#text = JSON.stringify(values).slice(1, -1);
  }

  /**
   * The request as it goes to the server; undefined when its arguments are not an object, which no server takes.
   */
  outbound(request: ClientRequest, id: number): Buffer[] | undefined {
    if (request.method !== 'tools/call' || this.#names.size === 0) return renumber(request, id);
    const edits = this.#added(request);
    return edits && renumber(request, id, edits);
  }

  #added({ bytes, argumentsSpan: given }: ClientRequest): Edit[] | undefined {
    if (given === undefined) {
      const params = valueAt(bytes, ['params']);
      // Without params the call names no tool: the server says so.
      return params ? [insertMembers(bytes, params.start, `"arguments":{${this.#text}}`)] : [];
    }
    if (!isObjectAt(bytes, given)) return undefined;
    const cleared = removeMembers(bytes, given.start, this.#names);
    const only = splice(bytes, cleared);
    // Whether something is left behind what is put in front decides about the comma.
    const left = Buffer.concat(only).subarray(given.start);
    const { value } = insertMembers(left, 0, this.#text);
    const inside = given.start + 1;
    return [{ span: { start: inside, end: inside }, value }, ...cleared];
  }

  /** An answer to tools/list without these arguments in the schemas. */
  hidden(answer: Buffer): Buffer {
    if (this.#names.size === 0) return answer;
    const tools = valueAt(answer, ['result', 'tools']);
    const edits = (tools && elements(answer, tools.start))?.flatMap(({ start }) => {
      const schema = memberAt(answer, start, 'inputSchema');
      return schema ? this.#hiddenIn(answer, schema.start) : [];
    });
    return edits && edits.length > 0 ? Buffer.concat(splice(answer, edits)) : answer;
  }

  #hiddenIn(bytes: Buffer, schema: number): Edit[] {
    const properties = memberAt(bytes, schema, 'properties');
    const required = memberAt(bytes, schema, 'required');
    return [
      ...(properties ? removeMembers(bytes, properties.start, this.#names) : []),
      ...(required ? removeStrings(bytes, required.start, this.#names) : []),
    ];
  }
}
