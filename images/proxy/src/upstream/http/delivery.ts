/** A client's request on its way to the remote server: sent again where that is safe, and answered in any case. */
import type { Clock } from '../../../../kit/src/clock.ts';
import { type ClientRequest, CODE } from '../../jsonrpc/message.ts';
import { readServerMessage, type ServerResponse } from '../../jsonrpc/server-message.ts';
import { aborted, answered, failure } from '../answers.ts';
import { isFirstPage } from '../catalogue.ts';
import type { Answer, CallOptions } from '../upstream.ts';
import type { Additions } from './additions.ts';
import { markFailure } from './error-status.ts';
import { failed, mayRepeat, notAnObject } from './failures.ts';
import type { Keeper } from './keeper.ts';
import type { Link } from './link.ts';
import type { Lists } from './lists.ts';
import type { Remote } from './remote.ts';
import { Trouble } from './trouble.ts';

export interface DeliveryOptions {
  readonly remote: Remote;
  readonly keeper: Keeper;
  readonly lists: Lists;
  readonly additions: Additions;
  /** The `status` in a tool's JSON that says that it failed. */
  readonly errorStatus: string | undefined;
  /** How long a call waits for a server that cannot be reached, in milliseconds. */
  readonly startPatienceMs: number;
  readonly clock: Clock;
}

const RETRY_MS = 250;

export class Delivery {
  readonly #options: DeliveryOptions;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async call(request: ClientRequest, options: CallOptions): Promise<Answer> {
    const { remote, keeper, additions, clock, startPatienceMs } = this.#options;
    const { signal } = options;
    if (!additions.fixed.fits(request)) return notAnObject(request);
    const deadline = clock.now() + startPatienceMs;
    for (let repeats = 0; ; ) {
      const link = await keeper.whenOpen(deadline - clock.now(), signal);
      if (signal.aborted) return aborted(request, signal, 0);
      if (!link) return this.#unavailable(request);
      try {
        return await this.#ask(link, request, options);
      } catch (error) {
        if (signal.aborted) return this.#givenUp(link, request, signal);
        const trouble = remote.trouble(error);
        keeper.noticed(link, trouble);
        if (mayRepeat(request, trouble) && repeats++ === 0) continue;
        const unreached = trouble.code === 'upstream_unreachable' && trouble.undelivered;
        if (!unreached || clock.now() >= deadline) return failed(request, trouble, link.generation);
        await clock.sleep(RETRY_MS, signal);
      }
    }
  }

  /** @throws Trouble when the server gives no answer, the signal's reason when it is given up */
  async #ask(
    link: Link,
    request: ClientRequest,
    { signal, onMessage }: CallOptions,
  ): Promise<Answer> {
    const { keeper, lists, additions } = this.#options;
    const { method, bytes, progressToken: token } = request;
    const send = async () => {
      const response = await link.request({
        method,
        build: (id) => additions.fixed.outbound(request, id, link.tools),
        progressToken: token && bytes.toString('utf8', token.start, token.end),
        onMessage,
        signal,
      });
      keeper.answered(link);
      return response;
    };
    const response = isFirstPage(request)
      ? await lists.get(link, method, signal, send)
      : await send();
    return answered(request, this.#shown(method, response), link.generation);
  }

  /** The response as clients see it. */
  #shown(method: string, response: ServerResponse): ServerResponse {
    const { additions, errorStatus } = this.#options;
    let { bytes } = response;
    if (!response.failed && method === 'tools/list') bytes = additions.fixed.hidden(bytes);
    if (!response.failed && method === 'tools/call' && errorStatus !== undefined)
      bytes = markFailure(bytes, errorStatus);
    const read = bytes === response.bytes ? response : readServerMessage(bytes);
    return read?.kind === 'response' ? read : response;
  }

  #givenUp(link: Link, request: ClientRequest, signal: AbortSignal): Answer {
    const answer = aborted(request, signal, link.generation);
    if (answer.outcome === 'timeout')
      this.#options.keeper.noticed(link, new Trouble('upstream_lost', 'a request timed out'));
    return answer;
  }

  #unavailable(request: ClientRequest): Answer {
    const { keeper, remote } = this.#options;
    const [reason] = keeper.health();
    const why = reason?.message ?? `the MCP server at ${remote.address} is being opened`;
    const code = reason?.code ?? 'upstream_unchecked';
    return {
      ...failure(request, 'unavailable', 0, CODE.internalError, code, why),
      retryAfter: keeper.secondsToTry(),
    };
  }
}
