/**
 * Whether Dremio would answer now: learned from the requests that pass, and from a check of its own when none
 * passed for a while. The check is `GET /apiv2/login`, which tells whether a token is good and does nothing else.
 */
import type { Clock } from '../../../kit/src/clock.ts';
import { errorText } from '../../../kit/src/logger.ts';
import type { Reason } from '../../../kit/src/operations.ts';
import type { Dremio } from './dremio.ts';
import type { RefresherHint } from './refresher.ts';
import type { TokenSource } from './token-source.ts';

export const CHECK = {
  /** How often the token file is looked at when no request does. */
  lookMs: 250,
  /** Between two checks of a Dremio that is not well. */
  everyMs: 2_000,
  /** Without a request for this long, Dremio is checked again. */
  quietMs: 30_000,
  timeoutMs: 5_000,
} as const;
const MAX_ANSWER = 16 * 1024;

type State =
  | { readonly name: 'unchecked' }
  | { readonly name: 'good'; readonly at: number }
  | { readonly name: 'refused'; readonly token: string }
  | { readonly name: 'unreachable' | 'unwell'; readonly message: string };

export class DremioHealth {
  readonly #dremio: Dremio;
  readonly #tokens: TokenSource;
  readonly #refresher: RefresherHint;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  #state: State = { name: 'unchecked' };

  constructor(dremio: Dremio, tokens: TokenSource, refresher: RefresherHint, clock: Clock) {
    this.#dremio = dremio;
    this.#tokens = tokens;
    this.#refresher = refresher;
    this.#clock = clock;
    void this.#watch();
  }

  /** Dremio answered a request; a gateway in front of it may have done so in its place. */
  answered(status: number): void {
    if (status === 502 || status === 503)
      this.#state = { name: 'unwell', message: `Dremio answers ${status}` };
    else this.#state = { name: 'good', at: this.#clock.now() };
  }

  /** Dremio refused a token. */
  refused(token: string): void {
    this.#state = { name: 'refused', token };
  }

  unreachable(message: string): void {
    this.#state = { name: 'unreachable', message };
  }

  /** Why a request to Dremio would fail now, the token included. */
  reasons(): readonly Reason[] {
    const token = this.#tokens.last();
    if (token.state !== 'valid') return [{ code: `token_${token.state}`, message: token.reason }];
    switch (this.#state.name) {
      case 'good':
        return [];
      case 'unchecked':
        return [{ code: 'dremio_unchecked', message: 'Dremio has not been asked yet' }];
      case 'refused':
        if (this.#state.token !== token.token) return [];
        return [{ code: 'token_refused', message: 'Dremio refuses the current token' }];
      case 'unreachable':
        return [{ code: 'dremio_unreachable', message: this.#state.message }];
      case 'unwell':
        return [{ code: 'dremio_unwell', message: this.#state.message }];
    }
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping;
    let checkedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const token = await this.#tokens.read();
      const now = this.#clock.now();
      const state = this.#state;
      const good = state.name === 'good';
      const due = good ? now - state.at >= CHECK.quietMs : now - checkedAt >= CHECK.everyMs;
      if (token.state !== 'valid') this.#refresher.give();
      else if (due) {
        checkedAt = now;
        await this.#check(token.token);
      }
      await this.#clock.sleep(CHECK.lookMs, signal);
    }
  }

  async #check(token: string): Promise<void> {
    let bytes = 0;
    try {
      const { status } = await this.#dremio.send({
        method: 'GET',
        target: '/apiv2/login',
        token,
        signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(CHECK.timeoutMs)]),
        accept: (more) => {
          bytes += more;
          return bytes <= MAX_ANSWER;
        },
      });
      if (status === 200) this.answered(status);
      else if (status === 401) {
        this.refused(token);
        this.#refresher.give();
      } else
        this.#state = {
          name: 'unwell',
          message: `Dremio answers ${status} to a check of the token`,
        };
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.unreachable(errorText(error));
    }
  }
}
