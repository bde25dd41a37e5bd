/**
 * When a token is renewed: pure arithmetic on milliseconds since the Unix epoch and on durations in ms.
 * The rule is `expires_at − min(margin, 20 % of life)`: at Dremio's default life of 30 h that is 6 h before the
 * end, and a life shorter than the margin does not become a login at every tick.
 */

/** A token that ends sooner than this is as good as none. */
export const MIN_LIFE_MS = 10_000;
/** Shortest pause between two looks at the files and two ordinary probes. */
export const MIN_TICK_MS = 5_000;
/** The latest end that fits the four-digit year of RFC 3339. */
export const MAX_EXPIRY_MS = Date.parse('9999-12-31T23:59:59.999Z');

const LIFE_SHARE = 0.2;
const JITTER_SHARE = 0.05;
const READY_WINDOW_MS = 15 * 60_000;

/** What a user may set about the schedule, in ms. */
export interface Policy {
  readonly checkIntervalMs: number;
  readonly refreshMarginMs: number;
  /** How long after its replacement a token is logged out; 0 = never. */
  readonly logoutAfterMs: number;
}

/** How long before its end a token of this life is renewed. */
export function refreshMargin(lifeMs: number, { refreshMarginMs }: Policy): number {
  return Math.min(refreshMarginMs, lifeMs * LIFE_SHARE);
}

/** The time to renew; jitter (`random` in [0, 1)) moves it earlier only, by up to 5 % of the margin. */
export function refreshTime(
  expiresAt: number,
  lifeMs: number,
  policy: Policy,
  random: number,
): number {
  const margin = refreshMargin(lifeMs, policy);
  return expiresAt - margin * (1 + JITTER_SHARE * random);
}

/** Pause between two ticks while a token of this life is held; without one (`undefined`) the shortest. */
export function tickPeriod(lifeMs: number | undefined, policy: Policy): number {
  if (lifeMs === undefined) return MIN_TICK_MS;
  const quarter = refreshMargin(lifeMs, policy) / 4;
  return Math.max(MIN_TICK_MS, Math.min(policy.checkIntervalMs, quarter));
}

/** With less life left than this, a token in the file no longer counts as ready. */
export function readyFloor(lifeMs: number, policy: Policy): number {
  return Math.min(READY_WINDOW_MS, refreshMargin(lifeMs, policy) / 4);
}

/**
 * By how many ms Dremio's clock is ahead of ours (negative: behind), from the `Date` header of an answer.
 * The header cuts to whole seconds (RFC 9110 section 5.6.7) and was written somewhere between sending and
 * receiving, so a range is known: 0 when that explains it, else the end of the range that lets a token
 * end earlier. No or no readable header counts as no skew.
 */
export function clockSkew(
  dateHeader: string | undefined,
  sentAt: number,
  receivedAt: number,
): number {
  const date = dateHeader === undefined ? NaN : Date.parse(dateHeader);
  if (Number.isNaN(date)) return 0;
  const least = date - receivedAt;
  const most = date + 1000 - sentAt;
  return least <= 0 && most >= 0 ? 0 : most;
}
