/** Sees everything that is done with a stack from its first command on, for the search at the end. */
import type { DemoDremio } from '../../../images/demo-dremio/src/index.ts';
import type { StackFiles } from '../../../scripts/stack/stack-files.ts';
import type { Outcome } from '../lakehouse-command.ts';
import { secretsOf } from './known.ts';
import { ProcessWatch } from './processes.ts';
import { RequestRecord } from './requests.ts';
import { type Secret, secret } from './secret.ts';

export class Witness implements Disposable {
  readonly since = new Date();
  /** What commands said. */
  readonly said: { readonly command: string; readonly text: string }[] = [];
  readonly #files: StackFiles;
  readonly #secrets = new Map<string, Secret>();
  readonly #processes = new ProcessWatch();
  readonly #requests: RequestRecord;
  readonly #dremios = new Set<number>();
  #commands = 0;

  constructor(files: StackFiles) {
    this.#files = files;
    this.#requests = new RequestRecord((port) => this.#dremios.has(port));
  }

  /** All that were in use at any time. */
  get secrets(): readonly Secret[] {
    return [...this.#secrets.values()];
  }

  /** Arguments and environments of processes of this machine while commands ran. */
  get processes(): readonly string[] {
    return this.#processes.seen;
  }

  /** What Dremio was sent. */
  get requests(): string {
    return this.#requests.text;
  }

  /** Writes down its requests, and the tokens that it gives out. */
  watch({ port, tokens }: Pick<DemoDremio, 'port' | 'tokens'>): void {
    this.#dremios.add(port);
    const issue = tokens.issue.bind(tokens);
    tokens.issue = (user) => {
      const issued = issue(user);
      this.#keep(secret('Dremio token', issued.token));
      return issued;
    };
  }

  /** Runs a command that may change the stack, and notes what it says and which secrets there are then. */
  async during(words: readonly string[], command: () => Promise<Outcome>): Promise<Outcome> {
    if (this.#commands++ === 0) this.#processes.start();
    try {
      const outcome = await command();
      const { stdout, stderr } = outcome;
      this.said.push({ command: words.join(' '), text: `${stdout}\n${stderr}` });
      return outcome;
    } finally {
      if (--this.#commands === 0) this.#processes.stop();
      for (const found of await secretsOf(this.#files)) this.#keep(found);
    }
  }

  /** A value has one name, that of its first use. */
  #keep(found: Secret): void {
    const id = found.value.toString('hex');
    if (!this.#secrets.has(id)) this.#secrets.set(id, found);
  }

  [Symbol.dispose](): void {
    this.#processes.stop();
    this.#requests[Symbol.dispose]();
  }
}
