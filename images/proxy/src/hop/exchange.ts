/**
 * One request of the server to Dremio: the current token put in, a refused token exchanged for a newer one
 * once, "try later" obeyed within the deadline, every failure turned into a status with words. The official
 * server shows its client the status and the reason phrase, and nothing of the body.
 */
import type { Clock } from '../../../kit/src/clock.ts';
import type { Logger } from '../../../kit/src/logger.ts';
import type { ResultBudget } from './budget.ts';
import {
  type Dremio,
  type DremioRequest,
  type DremioResponse,
  DremioUnreachable,
} from './dremio.ts';
import type { DremioHealth } from './health.ts';
import type { RefresherHint } from './refresher.ts';
import { retryAfterMs } from './retry-after.ts';
import type { TokenSource, TokenState } from './token-source.ts';

export interface HopRequest {
  readonly method: 'GET' | 'POST';
  readonly target: string;
  readonly contentType?: string;
  readonly body?: Buffer;
  /** Whose budget the answer counts against; a budget of its own when left out. */
  readonly query?: string;
}

export interface HopAnswer {
  readonly status: number;
  /** Reason phrase: words for people, Latin letters only. */
  readonly reason: string;
  readonly contentType: string;
  readonly body: Buffer;
}

export interface ExchangeOptions {
  readonly dremio: Dremio;
  readonly tokens: TokenSource;
  readonly refresher: RefresherHint;
  readonly health: DremioHealth;
  readonly budget: ResultBudget;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long to wait for a valid token, in milliseconds. */
  readonly tokenWaitMs: number;
  /** How long one exchange may take, repeats included, in milliseconds. */
  readonly timeoutMs: number;
}

type ValidToken = Extract<TokenState, { state: 'valid' }>;

const refusal = (status: number, reason: string): HopAnswer => ({
  status,
  reason,
  contentType: 'application/json',
  body: Buffer.from(JSON.stringify({ errorMessage: reason, moreInfo: '' })),
});

export class Exchange {
  readonly #options: ExchangeOptions;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** Never rejects; `gone` aborts when the server no longer waits. */
  async run(request: HopRequest, gone: AbortSignal): Promise<HopAnswer> {
    const { timeoutMs, log } = this.#options;
    const signal = AbortSignal.any([gone, AbortSignal.timeout(timeoutMs)]);
    const deadline = this.#options.clock.now() + timeoutMs;
    try {
      return await this.#run(request, signal, deadline);
    } catch (error) {
      if (gone.aborted) return refusal(499, 'the request was given up');
      if (signal.aborted) return refusal(504, `Dremio did not answer within ${timeoutMs / 1000} s`);
      if (!(error instanceof DremioUnreachable)) throw error;
      this.#options.health.unreachable(error.message);
      log.warn('dremio_unreachable', { target: request.target.split('?')[0], error });
      return refusal(502, error.message);
    }
  }

  async #run(request: HopRequest, signal: AbortSignal, deadline: number): Promise<HopAnswer> {
    const { clock, health } = this.#options;
    if (request.query !== undefined && this.#options.budget.spent(request.query))
      return this.#tooLarge();
    let token = await this.#token(undefined, signal);
    let exchanged = false;
    for (;;) {
      if (token.state !== 'valid') return refusal(503, `no valid Dremio token: ${token.reason}`);
      const response = await this.#send(request, token, signal);
      if (response.status === 401) {
        health.refused(token.token);
        if (exchanged) return refusal(401, 'Unauthorized: Dremio refuses the new token as well');
        exchanged = true;
        const next = await this.#token(token.token, signal);
        if (next.state === 'valid' && next.token === token.token)
          return refusal(
            401,
            'Unauthorized: Dremio refuses the token and there is no newer one yet',
          );
        token = next;
        continue;
      }
      health.answered(response.status);
      const pause =
        response.status === 429 || response.status === 503
          ? retryAfterMs(response.retryAfter, clock.now())
          : undefined;
      if (pause !== undefined && clock.now() + pause < deadline) {
        await clock.sleep(pause, signal);
        signal.throwIfAborted();
        continue;
      }
      return this.#judge(response);
    }
  }

  /** A valid token other than `refused`; asks the refresher and waits when there is none. */
  async #token(refused: string | undefined, signal: AbortSignal): Promise<TokenState> {
    const { tokens, refresher, tokenWaitMs } = this.#options;
    const now = await tokens.read();
    if (now.state === 'valid' && now.token !== refused) return now;
    refresher.give();
    return tokens.waitForOther(refused, tokenWaitMs, signal);
  }

  #send(request: HopRequest, token: ValidToken, signal: AbortSignal): Promise<DremioResponse> {
    const { budget, dremio } = this.#options;
    let own = 0;
    const accept: DremioRequest['accept'] = (bytes) => {
      own += bytes;
      return request.query === undefined
        ? own <= budget.limit
        : budget.take(request.query, bytes) && own <= budget.limit;
    };
    const { method, target, contentType, body } = request;
    return dremio.send({
      method,
      target,
      token: token.token,
      signal,
      accept,
      ...(contentType === undefined ? {} : { contentType }),
      ...(body === undefined ? {} : { body }),
    });
  }

  #tooLarge(): HopAnswer {
    const { limit } = this.#options.budget;
    return refusal(
      413,
      `the result is larger than ${limit} bytes: ask for less, for example with LIMIT or by aggregating`,
    );
  }

  #judge(response: DremioResponse): HopAnswer {
    const { status, contentType, body, location, cut } = response;
    if (cut) return this.#tooLarge();
    // Followed by the server, a redirect would lead it past the hop.
    if (status >= 300 && status < 400)
      return refusal(
        502,
        `Dremio answers with a redirect to ${location}: the address of Dremio is wrong`,
      );
    if (/^text\/html/i.test(contentType))
      return refusal(
        502,
        'a web page answers instead of the API of Dremio: the address of Dremio is wrong',
      );
    return { status, reason: '', contentType, body };
  }
}
