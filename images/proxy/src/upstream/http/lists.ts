/**
 * Lists that clients ask for, answered from what the server gave last. Clients are told when another session, or
 * the same one later, offers something else than they have seen.
 */
import type { ServerResponse } from '../../jsonrpc/server-message.ts';
import { untilAborted } from '../answers.ts';
import { changeOf, Offered } from '../catalogue.ts';
import type { Link } from './link.ts';

const LOOK_MS = 30_000;

export class Lists {
  readonly #offered = new Offered();
  readonly #tell: (message: Buffer) => void;

  /** @param tell sends a notification to every client */
  constructor(tell: (message: Buffer) => void) {
    this.#tell = tell;
  }

  /** The list from memory, else from the server. @throws what `ask` throws, or the signal's reason */
  async get(
    { catalogue }: Link,
    method: string,
    signal: AbortSignal,
    ask: () => Promise<ServerResponse>,
  ): Promise<ServerResponse> {
    const known = catalogue.known(method);
    const kept = known && (await untilAborted(known, signal));
    if (kept) return kept;
    signal.throwIfAborted();
    const asked = ask();
    catalogue.fill(
      method,
      asked.catch(() => undefined),
    );
    const response = await asked;
    if (!response.failed) this.#compare(method, response);
    return response;
  }

  /** Asks for what clients have seen, since it may be something else by now; never rejects. */
  async look(link: Link): Promise<void> {
    const signal = AbortSignal.timeout(LOOK_MS);
    const asked = this.#offered
      .methods()
      .filter((method) => link.offers(method))
      .map((method) => this.get(link, method, signal, () => link.list(method, signal)));
    await Promise.allSettled(asked);
  }

  /** The server has said that lists changed, and clients know. */
  changed({ catalogue }: Link, notification: string): void {
    catalogue.changed(notification);
    this.#offered.told(notification);
  }

  #compare(method: string, response: ServerResponse): void {
    const change = changeOf(method);
    if (this.#offered.differs(method, response) && change !== undefined)
      this.#tell(Buffer.from(`{"jsonrpc":"2.0","method":"${change}"}`));
  }
}
