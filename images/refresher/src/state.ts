/**
 * What the refresher knows, and how each thing it sees changes that. Pure: a state goes in, a state comes out;
 * times are epoch ms from the caller's clock, random numbers come from the caller.
 */
import type { TokenFile } from '../../kit/src/token-file.ts';
import type { Issued, ProbeOutcome } from './answer.ts';
import { backoff, type Failure, retryPause } from './failure.ts';
import { MIN_LIFE_MS, type Policy, refreshTime, tickPeriod } from './schedule.ts';

/** A token that Dremio refuses is replaced at once, but not sooner than this after the last login, ms. */
export const REFUSED_TOKEN_PAUSE_MS = 30_000;
/** Probes are at least this far apart, whoever asks, ms. */
export const PROBE_PAUSE_MS = 5_000;
/** A wall clock that went back by more than this makes every noted time doubtful, ms. */
const CLOCK_STEP_MS = 1000;
/** Longest pause between two tries to write the file, ms. */
const WRITE_BACKOFF_MS = 30_000;

/** A token with its place in time. */
export interface HeldToken {
  readonly token: string;
  readonly expiresAt: number;
  readonly lifeMs: number;
  /** When it is renewed, jitter included. */
  readonly refreshAt: number;
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
  readonly loginTrouble: Trouble<Failure> | undefined;
  /** Refused credentials since the last success or change; other failures in between do not reset it. */
  readonly refusals: number;
  /** When the last login succeeded. */
  readonly lastSuccessAt: number | undefined;
  readonly writeTrouble: Trouble<string> | undefined;
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

const NEVER = Number.NEGATIVE_INFINITY;

export const initialState: State = {
  inFile: undefined,
  pending: undefined,
  refused: undefined,
  unchecked: false,
  doubt: undefined,
  loginTrouble: undefined,
  refusals: 0,
  lastSuccessAt: undefined,
  writeTrouble: undefined,
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
    loginTrouble: again(state.loginTrouble),
    writeTrouble: again(state.writeTrouble),
    lastSuccessAt: state.lastSuccessAt && Math.min(state.lastSuccessAt, now),
    lastProbeAt: Math.min(state.lastProbeAt, now),
    lastLookAt: NEVER,
  };
}

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
      return {
        state: {
          ...state,
          inFile: held,
          pending: undefined,
          writeTrouble: undefined,
          refused: undefined,
          unchecked: true,
          doubt: fromFuture ? 'clock_went_back' : state.doubt,
          lastProbeAt: NEVER,
        },
        file: 'adopted',
      };
    }
  }
  if (state.inFile === undefined) return { state, file: 'same' };
  const kept = known && known.expiresAt > now ? known : undefined;
  return { state: { ...state, inFile: undefined, pending: kept }, file: 'lost' };
}

/** Takes in a fresh token; `credentials` is the digest of what it was got with. */
export function onLogin(
  state: State,
  { token, expiresAt, lifeMs }: Issued,
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
    // What is known against the token in the file stays until the new one is there instead.
    doubt: undefined,
    loginTrouble: undefined,
    refusals: 0,
    lastSuccessAt: now,
    lastProbeAt: now,
    hinted: false,
    credentials,
    writeTrouble: undefined,
  };
}

/** Takes in a failed login; the token held, if any, stays. */
export function onLoginFailure(state: State, failure: Failure, now: number, random: number): State {
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
      retryAt: now + retryPause(failure, attempt, random),
    },
  };
}

/** The pending token is in the file. */
export function onWritten(state: State): State {
  return {
    ...state,
    inFile: state.pending,
    pending: undefined,
    writeTrouble: undefined,
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
    writeTrouble: {
      last: reason,
      count: (before?.count ?? 0) + 1,
      since: before?.since ?? now,
      retryAt: now + backoff(before?.count ?? 0, random, cap),
    },
  };
}

/** Takes in a probe of `token`; only a refusal speaks against the token. */
export function onProbe(state: State, token: string, outcome: ProbeOutcome, now: number): State {
  const cleared = outcome === 'accepted' && state.refused === token;
  const refused = outcome === 'refused' ? token : cleared ? undefined : state.refused;
  const reachable = outcome === 'accepted' || outcome === 'refused';
  const { loginTrouble } = state;
  return {
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
}

/** Someone met a 401 and asks for a probe. */
export function onHint(state: State): State {
  return { ...state, hinted: true };
}
