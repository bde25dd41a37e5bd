/** What the operator's files add to requests, and how it is kept from coming back. */
import type { Logger } from '../../../../kit/src/logger.ts';
import { NO_ARGUMENTS, type ToolArguments } from './arguments-file.ts';
import { FixedArguments } from './fixed-arguments.ts';
import type { Headers } from './headers-file.ts';
import { bare, Redactor } from './redactor.ts';

/** As the files hold it now. */
export interface Secrets {
  readonly headers: Headers;
  readonly arguments: ToolArguments;
}

export const NO_SECRETS: Secrets = { headers: {}, arguments: NO_ARGUMENTS };

export class Additions {
  readonly #log: Logger;
  #headers: Headers = {};
  #fixed = new FixedArguments();
  #redactor = new Redactor([]);
  #values: readonly string[] = [];
  #unprotect: readonly (() => void)[] = [];

  constructor(log: Logger, secrets: Secrets) {
    this.#log = log;
    this.use(secrets);
  }

  get headers(): Headers {
    return this.#headers;
  }

  get fixed(): FixedArguments {
    return this.#fixed;
  }

  /** What the server sends, without them. */
  clean(bytes: Buffer): Buffer {
    return this.#redactor.bytes(bytes);
  }

  /**
   * From now on these are added. Those from before are kept from coming back until the next change: calls under way
   * have them, and the server may still take them.
   */
  use({ headers, arguments: given }: Secrets): void {
    const values = [
      ...Object.values(headers),
      ...textsOf(given.all),
      ...textsOf([...given.byTool.values()]),
    ];
    const secrets = [...values, ...this.#values];
    const before = this.#unprotect;
    this.#unprotect = [...secrets, ...secrets.map(bare)].map((value) => this.#log.protect(value));
    for (const undo of before) undo();
    this.#headers = headers;
    this.#fixed = new FixedArguments(given);
    this.#redactor = new Redactor(secrets);
    this.#values = values;
  }
}

/** Every text in a JSON value. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}
