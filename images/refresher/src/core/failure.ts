/** What can go wrong with a login, in classes that differ in what helps and in how soon to try again. */

export const FAILURE_CLASSES = [
  'credentials_refused',
  'credentials_unreadable',
  'no_first_user',
  'dremio_unreachable',
  'dremio_failing',
  'dremio_throttling',
  'malformed_answer',
  'wrong_product',
  'tls_not_trusted',
] as const;
/** Stable code of a failure: the readiness reason and the metric label. */
export type FailureClass = (typeof FAILURE_CLASSES)[number];

export interface Failure {
  readonly class: FailureClass;
  /** For people: what happened and what helps; never a secret, never a quote of the answer's body. */
  readonly message: string;
  /** How long the other side asked us to wait, in ms. */
  readonly retryAfterMs?: number | undefined;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
export const MAX_BACKOFF_MS = 5 * MINUTE;

/** 1 s, 2 s, 4 s … up to `capMs`, each between 75 % and 100 % of that; `attempt` counts from 0. */
export function backoff(attempt: number, random: number, capMs = MAX_BACKOFF_MS): number {
  const full = Math.min(SECOND * 2 ** Math.min(attempt, 30), capMs);
  return full * (1 - 0.25 * random);
}

/** A wrong password gets three tries in 15 minutes and then one an hour: some directories lock users out. */
const REFUSED_PAUSES_MS = [5 * MINUTE, 10 * MINUTE] as const;
const REFUSED_LATER_MS = 60 * MINUTE;

/**
 * Pause before the next login after this failure, in ms.
 * @param attempt failures of this class in a row before this one
 * @param random in [0, 1)
 * @param capMs longest pause while Dremio may come back at any moment; a wish of its own may be longer
 */
export function retryPause(
  failure: Failure,
  attempt: number,
  random: number,
  capMs = MAX_BACKOFF_MS,
): number {
  switch (failure.class) {
    case 'credentials_refused':
      return REFUSED_PAUSES_MS[attempt] ?? REFUSED_LATER_MS;
    case 'no_first_user':
      return (10 + 20 * random) * SECOND;
    case 'credentials_unreadable':
      // Only a local file is read; the pause keeps the log short.
      return backoff(attempt, random, 30 * SECOND);
    case 'dremio_throttling':
    case 'dremio_failing':
    case 'dremio_unreachable':
    case 'malformed_answer':
    case 'wrong_product':
    case 'tls_not_trusted':
      return Math.min(
        Math.max(failure.retryAfterMs ?? 0, backoff(attempt, random, capMs)),
        MAX_BACKOFF_MS,
      );
  }
}
