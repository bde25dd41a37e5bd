/** Takes in what became of a renewal: the turn to log in, the login, the write, the end of the old token. Pure. */
import type { Issued } from './answer.ts';
import { backoff, type Failure, MAX_BACKOFF_MS, retryPause } from './failure.ts';
import { type Policy, refreshTime } from './schedule.ts';
import { type HeldToken, NEVER, newest, type ReplacedToken, type State, tickOf } from './state.ts';

/** Pause before asking again while another refresher has the turn, ms. */
export const TURN_PAUSE_MS = 1000;
/** Longest pause between two tries to write the file, ms. */
const WRITE_BACKOFF_MS = 30_000;
/** Pause before a failed logout is tried again, ms, and how often it is tried: the token ends anyway. */
const LOGOUT_PAUSE_MS = 60_000;
const LOGOUT_TRIES = 3;

/** It is our turn to log in. The file comes first: whoever had the turn before may have renewed the token. */
export function onTurn(state: State): State {
  return { ...state, turn: { of: 'us' }, lastLookAt: NEVER };
}

/** Another refresher has the turn. */
export function onTurnOfAnother(state: State, now: number): State {
  return { ...state, turn: { of: 'another', askAgainAt: now + TURN_PAUSE_MS } };
}

/** Our turn is over. */
export function onTurnEnded(state: State): State {
  return { ...state, turn: { of: 'nobody' } };
}

/** Takes in a fresh token; `credentials` is the digest of what it was got with. */
export function onLogin(
  state: State,
  { token, expiresAt, lifeMs, skewMs }: Issued,
  credentials: string,
  now: number,
  policy: Policy,
  random: number,
): State {
  return {
    ...state,
    pending: {
      token,
      expiresAt,
      lifeMs,
      refreshAt: refreshTime(expiresAt, lifeMs, policy, random),
    },
    // A token that never reached the file is in nobody's hands but ours.
    replaced: retire(state, state.pending, now, policy, 0),
    // What is known against the token in the file stays until the new one is there instead.
    doubt: undefined,
    loginTrouble: undefined,
    refusals: 0,
    lastSuccessAt: now,
    skewMs,
    lastProbeAt: now,
    hinted: false,
    credentials,
    writeTrouble: undefined,
  };
}

/** Takes in a failed login; the token held, if any, stays. */
export function onLoginFailure(
  state: State,
  failure: Failure,
  now: number,
  policy: Policy,
  random: number,
): State {
  // Short lives have short margins, so a tick of the token held is the longest pause.
  const cap = newest(state) ? Math.min(tickOf(state, policy), MAX_BACKOFF_MS) : MAX_BACKOFF_MS;
  const refusals = state.refusals + (failure.class === 'credentials_refused' ? 1 : 0);
  const before = state.loginTrouble?.last.class === failure.class ? state.loginTrouble : undefined;
  const count = (before?.count ?? 0) + 1;
  const attempt = failure.class === 'credentials_refused' ? refusals - 1 : count - 1;
  return {
    ...state,
    refusals,
    loginTrouble: {
      last: failure,
      count,
      since: before?.since ?? now,
      retryAt: now + retryPause(failure, attempt, random, cap),
    },
  };
}

/** The pending token is in the file. */
export function onWritten(state: State, now: number, policy: Policy): State {
  const old = state.inFile?.token === state.pending?.token ? undefined : state.inFile;
  return {
    ...state,
    inFile: state.pending,
    pending: undefined,
    writeTrouble: undefined,
    replaced: retire(state, old, now, policy, policy.logoutAfterMs),
    refused: state.refused === state.pending?.token ? state.refused : undefined,
    unchecked: false,
  };
}

/** The file could not be written: the token stays pending, and only the write is tried again. */
export function onWriteFailure(
  state: State,
  reason: string,
  now: number,
  policy: Policy,
  random: number,
): State {
  const before = state.writeTrouble;
  const cap = Math.min(WRITE_BACKOFF_MS, tickOf(state, policy));
  return {
    ...state,
    // The file may hold the new token all the same, when only the folder could not be synced.
    lastLookAt: NEVER,
    writeTrouble: {
      last: reason,
      count: (before?.count ?? 0) + 1,
      since: before?.since ?? now,
      retryAt: now + backoff(before?.count ?? 0, random, cap),
    },
  };
}

/** Takes in a try to log `token` out; after some failures it is left to end by itself. */
export function onLogout(state: State, token: ReplacedToken, ok: boolean, now: number): State {
  const others = state.replaced.filter((other) => other.token !== token.token);
  const failures = token.failures + 1;
  if (ok || failures >= LOGOUT_TRIES) return { ...state, replaced: others };
  const again = { ...token, failures, logoutAt: now + LOGOUT_PAUSE_MS };
  return { ...state, replaced: [...others, again] };
}

/** The list of tokens to log out, with `old` on it if it is worth a call. */
function retire(
  state: State,
  old: HeldToken | undefined,
  now: number,
  policy: Policy,
  graceMs: number,
): readonly ReplacedToken[] {
  if (policy.logoutAfterMs === 0 || old === undefined || state.refused === old.token)
    return state.replaced;
  const { token, expiresAt } = old;
  const logoutAt = now + graceMs;
  return logoutAt < expiresAt
    ? [...state.replaced, { token, expiresAt, logoutAt, failures: 0 }]
    : state.replaced;
}
