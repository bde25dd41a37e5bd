/** Takes in what the files hold: a token that someone else wrote, one that is gone, other credentials. Pure. */
import type { TokenFile } from '../../../kit/src/token-file.ts';
import { withoutOldTrouble } from './next-step.ts';
import { MIN_LIFE_MS, type Policy, refreshTime } from './schedule.ts';
import { CLOCK_STEP_MS, NEVER, newest, type State } from './state.ts';

export interface Sight {
  readonly file: TokenFile;
  readonly modifiedAt: number | undefined;
  /** Keyed digest of the credentials; `undefined` when they cannot be read. */
  readonly credentials: string | undefined;
}

/** What a look at the files brought to light. */
export interface Found {
  /** `adopted`: a token that someone else, or this program before a restart, wrote; `lost`: ours is gone. */
  readonly file: 'same' | 'adopted' | 'lost';
  readonly credentialsChanged: boolean;
}

/** Takes in the files as they are now. */
export function onLook(
  state: State,
  sight: Sight,
  now: number,
  policy: Policy,
  random: number,
): { state: State; found: Found } {
  const looked: State = { ...state, lastLookAt: now };
  const { state: filed, file } = takeFile(looked, sight, now, policy, random);
  const { credentials } = sight;
  const credentialsChanged =
    credentials !== undefined &&
    state.credentials !== undefined &&
    credentials !== state.credentials;
  return {
    state: {
      ...filed,
      credentials: credentials ?? filed.credentials,
      ...(credentialsChanged
        ? { doubt: 'credentials_changed' as const, refusals: 0, loginTrouble: undefined }
        : {}),
    },
    found: { file, credentialsChanged },
  };
}

function takeFile(
  state: State,
  { file, modifiedAt }: Sight,
  now: number,
  policy: Policy,
  random: number,
): { state: State; file: Found['file'] } {
  const known = newest(state);
  if (file.state === 'valid') {
    if (file.token === state.inFile?.token && file.expiresAt === state.inFile.expiresAt)
      return { state, file: 'same' };
    // Written, although the write failed at its last step: the folder could not be synced. The write is repeated.
    if (file.token === state.pending?.token && file.expiresAt === state.pending.expiresAt)
      return { state: { ...state, inFile: state.pending }, file: 'same' };
    const better = known === undefined || file.expiresAt > known.expiresAt;
    const remaining = file.expiresAt - now;
    if (better && remaining > MIN_LIFE_MS) {
      // The file's age tells how long the token has lived; a file from the future, that the clock went back.
      const lifeMs = Math.max(remaining, file.expiresAt - (modifiedAt ?? now));
      const { token, expiresAt } = file;
      const held = {
        token,
        expiresAt,
        lifeMs,
        refreshAt: refreshTime(expiresAt, lifeMs, policy, random),
      };
      const fromFuture = modifiedAt !== undefined && modifiedAt > now + CLOCK_STEP_MS;
      const adopted: State = {
        ...state,
        inFile: held,
        pending: undefined,
        writeTrouble: undefined,
        refused: undefined,
        unchecked: true,
        doubt: fromFuture ? 'clock_went_back' : state.doubt,
        lastProbeAt: NEVER,
      };
      return { state: withoutOldTrouble(adopted, now), file: 'adopted' };
    }
  }
  if (state.inFile === undefined) return { state, file: 'same' };
  const kept = known && known.expiresAt > now ? known : undefined;
  return { state: { ...state, inFile: undefined, pending: kept }, file: 'lost' };
}
