/** The refresher's one decision, pure: given what is known and the time, what to do next. */
import type { Policy } from './schedule.ts';
import {
  type Doubt,
  type HeldToken,
  newest,
  PROBE_PAUSE_MS,
  REFUSED_TOKEN_PAUSE_MS,
  type State,
  tickOf,
} from './state.ts';

/** Why a login happens. */
export type LoginReason = 'no_token' | 'token_refused' | 'expired' | 'due' | Doubt;

export type Step =
  | { readonly do: 'look' }
  | { readonly do: 'write'; readonly token: HeldToken }
  | { readonly do: 'login'; readonly reason: LoginReason }
  | { readonly do: 'probe'; readonly token: HeldToken }
  /** Nothing until then, epoch ms; never further away than one tick. */
  | { readonly do: 'wait'; readonly until: number };

/** Why a login is wanted now, if it is; whether it may already happen is another matter. */
export function loginReason(state: State, now: number): LoginReason | undefined {
  const held = newest(state);
  if (held === undefined) return 'no_token';
  if (state.refused === held.token) return 'token_refused';
  if (now >= held.expiresAt) return 'expired';
  if (state.doubt !== undefined) return state.doubt;
  return now >= held.refreshAt ? 'due' : undefined;
}

/** Files first, then a token that waits to be written, then a new one, then the check of the one in use. */
export function nextStep(state: State, now: number, policy: Policy): Step {
  const tick = tickOf(state, policy);
  const held = newest(state);
  const due = [
    { at: state.lastLookAt + tick, step: { do: 'look' } as Step },
    ...(state.pending
      ? [
          {
            at: state.writeTrouble?.retryAt ?? now,
            step: { do: 'write', token: state.pending } as Step,
          },
        ]
      : []),
    ...loginDue(state, now),
    ...(held ? [{ at: probeTime(state, tick), step: { do: 'probe', token: held } as Step }] : []),
  ];
  return (
    due.find(({ at }) => at <= now)?.step ?? {
      do: 'wait',
      until: Math.min(...due.map(({ at }) => at)),
    }
  );
}

function loginDue(state: State, now: number): { at: number; step: Step }[] {
  const held = newest(state);
  const reason = loginReason(state, now);
  if (reason === undefined)
    return held ? [{ at: held.refreshAt, step: { do: 'login', reason: 'due' } }] : [];
  const earliest =
    reason === 'token_refused' ? (state.lastSuccessAt ?? 0) + REFUSED_TOKEN_PAUSE_MS : now;
  const at = Math.max(earliest, state.loginTrouble?.retryAt ?? now);
  return [{ at, step: { do: 'login', reason } }];
}

function probeTime(state: State, tick: number): number {
  return state.lastProbeAt + (state.hinted ? PROBE_PAUSE_MS : tick);
}
