/**
 * When a child that ended is started again. Pure arithmetic on times: the first start after a good run comes at
 * once, then the pause doubles from 1 s to 30 s; five bad ends within three minutes open the breaker, which
 * lets one try through every 30 s. A child that was ready for a minute makes everything good again.
 */

export const RESTART = {
  firstPauseMs: 1_000,
  longestPauseMs: 30_000,
  breakerEnds: 5,
  breakerWindowMs: 180_000,
  goodRunMs: 60_000,
} as const;

export interface RestartState {
  /** Times of the ends that count, oldest first; never more than the breaker needs. */
  readonly ends: readonly number[];
}

export interface RestartDecision {
  readonly state: RestartState;
  /** How long to wait before the next start, in milliseconds. */
  readonly pauseMs: number;
  /** True when the child ends again and again. */
  readonly looping: boolean;
}

export const noRestarts: RestartState = { ends: [] };

/** What to do after an end at `now` (ms) of a child that was ready for `readyMs`, 0 when it never was. */
export function afterEnd(state: RestartState, now: number, readyMs: number): RestartDecision {
  const before = readyMs >= RESTART.goodRunMs ? [] : state.ends;
  const ends = [...before, now]
    .filter((end) => now - end < RESTART.breakerWindowMs)
    .slice(-RESTART.breakerEnds);
  const looping = ends.length >= RESTART.breakerEnds;
  const doublings = ends.length - 2;
  const pause = doublings < 0 ? 0 : RESTART.firstPauseMs * 2 ** doublings;
  // A child that never became ready has no good run to continue: it waits from its first end on.
  const pauseMs = looping
    ? RESTART.longestPauseMs
    : readyMs === 0
      ? Math.max(pause, RESTART.firstPauseMs)
      : pause;
  return { state: { ends }, pauseMs: Math.min(pauseMs, RESTART.longestPauseMs), looping };
}
