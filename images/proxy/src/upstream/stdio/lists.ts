/**
 * The lists that children of one scope give, answered from what is known: one child is asked for all who ask at the
 * same time, and a later start that offers something else tells the clients.
 */
import type { Logger } from '../../../../kit/src/logger.ts';
import type { ClientRequest } from '../../jsonrpc/message.ts';
import type { ServerResponse } from '../../jsonrpc/server-message.ts';
import { answered, untilAborted } from '../answers.ts';
import { changeOf, type Offered } from '../catalogue.ts';
import { catalogueDigest } from '../tool-digests.ts';
import type { Answer, CallOptions } from '../upstream.ts';
import type { Child, ChildResult } from './child.ts';
import type { Ready } from './life.ts';
import { readTools } from './opening.ts';
import type { Pool } from './pool.ts';
import type { Tunings } from './tuning.ts';

/** Sends a request to a child; `onSent` hears which one got it. */
export type Forward = (
  request: ClientRequest,
  call: CallOptions,
  onSent: (child: Child, result: Promise<ChildResult>) => void,
) => Promise<Answer>;

export interface ListsOptions {
  readonly pool: Pool;
  readonly tunings: Tunings;
  readonly offered: Offered;
  readonly forward: Forward;
  readonly log: Logger;
  /** Tells every client of these children. */
  tell(message: Buffer): void;
}

/** A list, and which start of the server gave it. */
interface Listed {
  readonly response: ServerResponse;
  readonly generation: number;
}

export class Lists {
  readonly #options: ListsOptions;
  /** Those that a child is being asked for, by method. */
  readonly #filling = new Map<string, Promise<Listed | undefined>>();

  constructor(options: ListsOptions) {
    this.#options = options;
  }

  /** A list that one child gave already. */
  recall(request: ClientRequest): Answer | undefined {
    const { pool, tunings } = this.#options;
    for (const { child } of pool.ready()) {
      const response = tunings.of(child).catalogue.given(request.method);
      if (response) return answered(request, response, child.generation);
    }
    return undefined;
  }

  /** A list as one child gave it, without asking it again. */
  async answer(request: ClientRequest, call: CallOptions): Promise<Answer> {
    const { pool, tunings, forward } = this.#options;
    for (const { child } of pool.ready()) {
      const known = tunings.of(child).catalogue.known(request.method);
      const response = known && (await untilAborted(known, call.signal));
      if (response) return answered(request, response, child.generation);
    }
    // Those who ask before the child was asked wait for the one who asks it.
    const other = this.#filling.get(request.method);
    const given = other && (await untilAborted(other, call.signal));
    if (given) return answered(request, given.response, given.generation);
    const { promise, resolve } = Promise.withResolvers<Listed | undefined>();
    this.#filling.set(request.method, promise);
    let listed: Listed | undefined;
    try {
      return await forward(request, call, (child, result) => {
        const { generation } = child;
        const kept = untilAborted(result, call.signal).then((one) => {
          if (one?.kind === 'response' && !one.response.failed)
            listed = { response: one.response, generation };
          return one;
        });
        this.#fill(child, request.method, kept);
      });
    } finally {
      if (this.#filling.get(request.method) === promise) this.#filling.delete(request.method);
      resolve(listed);
    }
  }

  /** Asks a child that became ready for the lists that clients have seen. */
  refresh({ child, handshake }: Ready): void {
    for (const method of this.#options.offered.methods()) {
      const [kind = ''] = method.split('/');
      if (!handshake.capabilities[kind]) continue;
      const { result } = child.send((id) => [
        Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"${method}"}`),
      ]);
      this.#fill(child, method, result);
    }
  }

  /** A child says that a list of its changed. */
  changed(child: Child, notification: string, bytes: Buffer): void {
    const { pool, tunings, tell, log } = this.#options;
    tell(bytes);
    tunings.of(child).catalogue.changed(notification);
    const ready = pool.ready().find((one) => one.child === child);
    if (notification !== changeOf('tools/list') || !ready) return;
    readTools(child).then(
      (tools) => {
        ready.tools = tools;
        log.info('tools_changed', {
          generation: child.generation,
          tools: [...tools.keys()],
          tools_digest: catalogueDigest(tools),
        });
      },
      () => {},
    );
  }

  #fill(child: Child, method: string, result: Promise<ChildResult | undefined>): void {
    const tuning = this.#options.tunings.of(child);
    const response = result.then((one) =>
      one?.kind === 'response' && !one.response.failed ? one.response : undefined,
    );
    tuning.catalogue.fill(method, response);
    void response.then((list) => list && this.#compare(child, method, list));
  }

  /** A start of the server that offers something else than the one before tells every client so. */
  #compare(child: Child, method: string, list: ServerResponse): void {
    const { offered, tunings, tell } = this.#options;
    const differs = offered.differs(method, list);
    const first = tunings.of(child).firstTime(method);
    const change = changeOf(method);
    if (!differs || !first || change === undefined) return;
    tell(Buffer.from(`{"jsonrpc":"2.0","method":"${change}"}`));
  }
}
