/** The refresher's one decision, pure: given what is known and the time, what to do next. */
import type { Policy } from './schedule.ts';
import {
  type Doubt,
  type HeldToken,
  newest,
  type ReplacedToken,
  type State,
  tickOf,
} from './state.ts';

/** A token that Dremio refuses is replaced at once, but not sooner than this after the last login, ms. */
const REFUSED_TOKEN_PAUSE_MS = 30_000;
/** Probes are at least this far apart, whoever asks, ms. */
const PROBE_PAUSE_MS = 5_000;

/** Why a login happens. */
export type LoginReason = 'no_token' | 'token_refused' | 'expired' | 'due' | Doubt;

export type Step =
  | { readonly do: 'look' }
  | { readonly do: 'write'; readonly token: HeldToken }
  /** Ask for the turn to log in, which one of several refreshers on the same folder has at a time. */
  | { readonly do: 'take_turn' }
  | { readonly do: 'login'; readonly reason: LoginReason }
  | { readonly do: 'end_turn' }
  | { readonly do: 'probe'; readonly token: HeldToken }
  | { readonly do: 'logout'; readonly token: ReplacedToken }
  /** Nothing until then, epoch ms; never further away than one tick. */
  | { readonly do: 'wait'; readonly until: number };

interface Due {
  readonly at: number;
  readonly step: Step;
}

/** Why a login is wanted now, if it is; whether it may already happen is another matter. */
export function loginReason(state: State, now: number): LoginReason | undefined {
  const held = newest(state);
  if (held === undefined) return 'no_token';
  // What is due by time does not wait for the pause that a refused token waits for.
  if (now >= held.expiresAt) return 'expired';
  if (now >= held.refreshAt) return 'due';
  return state.refused === held.token ? 'token_refused' : state.doubt;
}

/** The state without a login's trouble when no login is wanted any more: another refresher has done it, say. */
export function withoutOldTrouble(state: State, now: number): State {
  return state.loginTrouble && loginReason(state, now) === undefined
    ? { ...state, loginTrouble: undefined }
    : state;
}

/** Files first, then a token that waits to be written, then a new one, then the check of the one in use. */
export function nextStep(state: State, now: number, policy: Policy): Step {
  const tick = tickOf(state, policy);
  const held = newest(state);
  const login = loginDue(state, now);
  const due: Due[] = [
    { at: state.lastLookAt + tick, step: { do: 'look' } },
    ...writeDue(state, now),
    ...turnDue(state, login, now),
    ...(held ? [{ at: probeTime(state, tick), step: { do: 'probe', token: held } as const }] : []),
    ...state.replaced.map((token) => ({
      at: token.logoutAt,
      step: { do: 'logout', token } as const,
    })),
  ];
  return (
    due.find(({ at }) => at <= now)?.step ?? {
      do: 'wait',
      until: Math.min(...due.map(({ at }) => at)),
    }
  );
}

function writeDue({ pending, writeTrouble }: State, now: number): Due[] {
  return pending
    ? [{ at: writeTrouble?.retryAt ?? now, step: { do: 'write', token: pending } }]
    : [];
}

/** When to log in next, if the turn is ours then. */
function loginDue(state: State, now: number): { at: number; reason: LoginReason } | undefined {
  const reason = loginReason(state, now);
  const held = newest(state);
  if (reason === undefined) return held && { at: held.refreshAt, reason: 'due' };
  const pausedUntil = (state.lastSuccessAt ?? 0) + REFUSED_TOKEN_PAUSE_MS;
  const earliest =
    reason === 'token_refused' ? Math.min(pausedUntil, held?.refreshAt ?? pausedUntil) : now;
  return { at: Math.max(earliest, state.loginTrouble?.retryAt ?? now), reason };
}

/** A login needs the turn; a turn that is not needed any more is passed on at once. */
function turnDue({ turn }: State, login: ReturnType<typeof loginDue>, now: number): Due[] {
  if (turn.of === 'us')
    return login && login.at <= now
      ? [{ at: now, step: { do: 'login', reason: login.reason } }]
      : [{ at: now, step: { do: 'end_turn' } }];
  if (!login) return [];
  const at = turn.of === 'another' ? Math.max(login.at, turn.askAgainAt) : login.at;
  return [{ at, step: { do: 'take_turn' } }];
}

function probeTime(state: State, tick: number): number {
  return state.lastProbeAt + (state.hinted ? PROBE_PAUSE_MS : tick);
}
