/** Takes in what a probe of a token says, and the wish for one. Pure. */
import type { ProbeOutcome } from './answer.ts';
import { withoutOldTrouble } from './next-step.ts';
import type { State } from './state.ts';

/** Takes in a probe of `token`; only a refusal speaks against the token. */
export function onProbe(state: State, token: string, outcome: ProbeOutcome, now: number): State {
  const cleared = outcome === 'accepted' && state.refused === token;
  const refused = outcome === 'refused' ? token : cleared ? undefined : state.refused;
  const reachable = outcome === 'accepted' || outcome === 'refused';
  const { loginTrouble } = state;
  const probed: State = {
    ...state,
    refused,
    unchecked: state.unchecked && token !== state.inFile?.token,
    hinted: false,
    lastProbe: outcome,
    lastProbeAt: now,
    // Dremio is back: a login that waits for that need not wait any longer.
    loginTrouble:
      reachable && loginTrouble?.last.class === 'dremio_unreachable'
        ? { ...loginTrouble, retryAt: Math.min(loginTrouble.retryAt, now) }
        : loginTrouble,
  };
  return withoutOldTrouble(probed, now);
}

/** Someone met a 401 and asks for a probe. */
export function onHint(state: State): State {
  return { ...state, hinted: true };
}
