/**
 * What the refresher knows. Pure: each thing it sees or does turns one state into another, in `look.ts`, `renewal.ts`
 * and `probe.ts`; times are epoch ms from the caller's clock, random numbers come from the caller.
 */
import type { ProbeOutcome } from './answer.ts';
import type { Failure } from './failure.ts';
import { type Policy, tickPeriod } from './schedule.ts';

/** A wall clock that went back by more than this makes every noted time doubtful, ms. */
export const CLOCK_STEP_MS = 1000;

/** A token with its place in time. */
export interface HeldToken {
  readonly token: string;
  readonly expiresAt: number;
  readonly lifeMs: number;
  /** When it is renewed, jitter included. */
  readonly refreshAt: number;
}

/** A token that is out of use, and when Dremio is told to forget it. */
export interface ReplacedToken {
  readonly token: string;
  readonly expiresAt: number;
  readonly logoutAt: number;
  /** Failed tries so far. */
  readonly failures: number;
}

/** Something that keeps failing, and when it is tried again. */
export interface Trouble<T> {
  readonly last: T;
  /** How often in a row. */
  readonly count: number;
  readonly since: number;
  readonly retryAt: number;
}

export type Doubt = 'clock_went_back' | 'credentials_changed';

/** Whose turn it is to log in: nobody's yet, ours, or that of another refresher on the same folder. */
export type Turn =
  | { readonly of: 'nobody' }
  | { readonly of: 'us' }
  | { readonly of: 'another'; readonly askAgainAt: number };

export interface State {
  /** What the token file holds, as far as known. */
  readonly inFile: HeldToken | undefined;
  /** A token that is not in the file yet, newer than the one that is. */
  readonly pending: HeldToken | undefined;
  /** The token that Dremio refused at the last probe. */
  readonly refused: string | undefined;
  /** True from adoption to the first answered or failed probe. */
  readonly unchecked: boolean;
  /** Why a login is wanted although the token is not due. */
  readonly doubt: Doubt | undefined;
  readonly turn: Turn;
  readonly loginTrouble: Trouble<Failure> | undefined;
  /** Refused credentials since the last success or change; other failures in between do not reset it. */
  readonly refusals: number;
  /** When the last login succeeded. */
  readonly lastSuccessAt: number | undefined;
  /** How far Dremio's clock was ahead of ours at the last login, ms. */
  readonly skewMs: number;
  readonly writeTrouble: Trouble<string> | undefined;
  /** Tokens to log out, oldest first. */
  readonly replaced: readonly ReplacedToken[];
  readonly lastProbeAt: number;
  readonly lastProbe: ProbeOutcome | undefined;
  /** Someone asked for a probe. */
  readonly hinted: boolean;
  readonly lastLookAt: number;
  /** Keyed digest of the credentials last seen. */
  readonly credentials: string | undefined;
  /** The latest wall-clock time seen, to notice when it goes back. */
  readonly latest: number;
}

export const NEVER = Number.NEGATIVE_INFINITY;

export const initialState: State = {
  inFile: undefined,
  pending: undefined,
  refused: undefined,
  unchecked: false,
  doubt: undefined,
  turn: { of: 'nobody' },
  loginTrouble: undefined,
  refusals: 0,
  lastSuccessAt: undefined,
  skewMs: 0,
  writeTrouble: undefined,
  replaced: [],
  lastProbeAt: NEVER,
  lastProbe: undefined,
  hinted: false,
  lastLookAt: NEVER,
  credentials: undefined,
  latest: NEVER,
};

/** The token to go by: the newest, whether or not the file has it. */
export function newest(state: State): HeldToken | undefined {
  return state.pending ?? state.inFile;
}

/** The pause between ticks that fits the token held. */
export function tickOf(state: State, policy: Policy): number {
  return tickPeriod(newest(state)?.lifeMs, policy);
}

/** Takes note of the time. Once the clock went back, noted times mean nothing: all becomes due, once. */
export function onTime(state: State, now: number): State {
  if (now >= state.latest - CLOCK_STEP_MS) return { ...state, latest: Math.max(now, state.latest) };
  const again = <T>(trouble: Trouble<T> | undefined) => trouble && { ...trouble, retryAt: now };
  return {
    ...state,
    latest: now,
    doubt: 'clock_went_back',
    turn: state.turn.of === 'another' ? { of: 'nobody' } : state.turn,
    loginTrouble: again(state.loginTrouble),
    writeTrouble: again(state.writeTrouble),
    lastSuccessAt: state.lastSuccessAt && Math.min(state.lastSuccessAt, now),
    replaced: state.replaced.map((token) => ({
      ...token,
      logoutAt: token.logoutAt + now - state.latest,
    })),
    lastProbeAt: Math.min(state.lastProbeAt, now),
    lastLookAt: NEVER,
  };
}
