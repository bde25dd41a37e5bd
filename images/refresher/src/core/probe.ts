/** Takes in what a probe of a token says, and the wish for one. Pure. */
import type { ProbeOutcome } from './answer.ts';
import { withoutOldTrouble } from './next-step.ts';
import type { State } from './state.ts';

/** Takes in a probe of `token`; only a refusal speaks against the token. */
export function onProbe(state: State, token: string, outcome: ProbeOutcome, now: number): State {
  const cleared = outcome === 'accepted' && state.refused === token;
  const refused = outcome === 'refused' ? token : cleared ? undefined : state.refused;
  const back = answers(outcome) && !answers(state.lastProbe);
  const { loginTrouble } = state;
  const probed: State = {
    ...state,
    refused,
    unchecked: state.unchecked && token !== state.inFile?.token,
    hinted: false,
    lastProbe: outcome,
    lastProbeAt: now,
    // A login that waits for Dremio need not wait any longer. Once only: logins alone may go on failing.
    loginTrouble:
      back && loginTrouble?.last.class === 'dremio_unreachable'
        ? { ...loginTrouble, retryAt: Math.min(loginTrouble.retryAt, now) }
        : loginTrouble,
  };
  return withoutOldTrouble(probed, now);
}

const answers = (outcome: ProbeOutcome | undefined) =>
  outcome === 'accepted' || outcome === 'refused';

/** Someone met a 401 and asks for a probe. */
export function onHint(state: State): State {
  return { ...state, hinted: true };
}
