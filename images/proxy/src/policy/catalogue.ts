/**
 * Which tools the server marks read-only, asked of the server itself when a rule needs to know. Kept until the
 * server says that its tools changed, another start of it answers, or a minute is over.
 */
import type { Clock } from '../../../kit/src/clock.ts';
import { type ClientRequest, parsePayload } from '../jsonrpc/message.ts';
import type { Caller, Upstream } from '../upstream/upstream.ts';
import { readTools } from './tool-list.ts';

const CHANGED = '"notifications/tools/list_changed"';
const KEPT_MS = 60_000;
const MAX_PAGES = 20;
const PATIENCE_MS = 15_000;

interface Known {
  readonly names: ReadonlySet<string>;
  readonly generation: number;
  readonly at: number;
}

export class ToolCatalogue {
  readonly #upstream: Upstream;
  readonly #clock: Clock;
  #known: Known | undefined;
  #asking: Promise<Known | undefined> | undefined;

  constructor(upstream: Upstream, clock: Clock) {
    this.#upstream = upstream;
    this.#clock = clock;
    upstream.listen({
      onMessage: (message) => {
        if (Buffer.concat([...message]).includes(CHANGED)) this.#forget();
      },
    });
  }

  /** An answer of this start of the server was seen. */
  saw(generation: number): void {
    if (this.#known && generation > this.#known.generation) this.#forget();
  }

  /**
   * Names of the tools that are marked read-only; undefined when the server does not tell.
   * @param caller in whose name the server is asked, so that no server is started for the question alone
   */
  async readOnly(caller: Caller): Promise<ReadonlySet<string> | undefined> {
    const known = this.#known;
    if (known && this.#clock.now() - known.at < KEPT_MS) return known.names;
    if (!this.#asking) {
      const asking = this.#ask(caller);
      this.#asking = asking;
      // Tools that change while the question is under way make its answer old.
      void asking.then((found) => {
        if (this.#asking !== asking) return;
        this.#asking = undefined;
        this.#known = found;
      });
    }
    return (await this.#asking)?.names;
  }

  #forget(): void {
    this.#known = undefined;
    this.#asking = undefined;
  }

  async #ask(caller: Caller): Promise<Known | undefined> {
    const names = new Set<string>();
    const signal = AbortSignal.timeout(PATIENCE_MS);
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const { message, outcome, generation } = await this.#upstream.call(listRequest(cursor), {
        caller,
        onMessage: () => {},
        signal,
      });
      const list = outcome === 'ok' ? readTools(Buffer.concat([...message])) : undefined;
      if (!list) return undefined;
      for (const { name, readOnly } of list.tools) if (readOnly) names.add(name);
      cursor = list.nextCursor;
      if (cursor === undefined) return { names, generation, at: this.#clock.now() };
    }
    return undefined;
  }
}

function listRequest(cursor: string | undefined): ClientRequest {
  const params = cursor === undefined ? {} : { cursor };
  const body = { jsonrpc: '2.0', id: 0, method: 'tools/list', params };
  const [message] = parsePayload(Buffer.from(JSON.stringify(body))).messages;
  return message as ClientRequest;
}
