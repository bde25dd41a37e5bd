/** Tells the refresher that Dremio refused a token. A hint: it carries no secret, and nothing depends on it. */
import { request } from 'undici';
import type { Clock } from '../../../kit/src/clock.ts';
import { errorText, type Logger } from '../../../kit/src/logger.ts';

const SPACING_MS = 2_000;
const TIMEOUT_MS = 5_000;

export class RefresherHint {
  readonly #url: URL | undefined;
  readonly #clock: Clock;
  readonly #log: Logger;
  #last = Number.NEGATIVE_INFINITY;

  /** `url`: the refresher's operations address; without one the hint does nothing. */
  constructor(url: URL | undefined, clock: Clock, log: Logger) {
    this.#url = url && new URL('probe', url.href.endsWith('/') ? url : `${url.href}/`);
    this.#clock = clock;
    this.#log = log;
  }

  /** Sends the hint unless one was sent a moment ago; returns at once. */
  give(): void {
    const now = this.#clock.now();
    if (!this.#url || now - this.#last < SPACING_MS) return;
    this.#last = now;
    request(this.#url, { method: 'POST', signal: AbortSignal.timeout(TIMEOUT_MS) }).then(
      ({ statusCode, body }) => {
        this.#log.info('refresher_told', { status: statusCode });
        return body.dump();
      },
      (error: unknown) => this.#log.warn('refresher_not_told', { error: errorText(error) }),
    );
  }
}
