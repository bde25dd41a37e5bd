/** What the operations port says about a state, pure. */
import type { Reason } from '../../../kit/src/operations.ts';
import { loginReason } from './next-step.ts';
import { type Policy, readyFloor } from './schedule.ts';
import type { State } from './state.ts';

/** True when the file holds a token that has life left and that Dremio has not refused. */
export function authenticated({ inFile, refused }: State, now: number): boolean {
  return inFile !== undefined && inFile.expiresAt > now && refused !== inFile.token;
}

/** Why a call with the token in the file would fail now, causes first; empty = ready. */
export function readyReasons(state: State, now: number, policy: Policy): Reason[] {
  const lack = lackOf(state, now, policy);
  if (lack === undefined) return [];
  const { writeTrouble, loginTrouble } = state;
  const causes: Reason[] = [];
  if (writeTrouble) causes.push({ code: 'token_file_not_writable', message: writeTrouble.last });
  if (loginTrouble)
    causes.push({ code: loginTrouble.last.class, message: loginTrouble.last.message });
  return [...causes, lack];
}

function lackOf(state: State, now: number, policy: Policy): Reason | undefined {
  const { inFile } = state;
  if (inFile === undefined)
    return { code: 'no_token', message: 'there is no token in the token file yet' };
  if (inFile.expiresAt <= now)
    return { code: 'token_expired', message: 'the token in the token file has expired' };
  if (state.refused === inFile.token)
    return { code: 'token_refused', message: 'Dremio no longer accepts the token in the file' };
  if (state.unchecked)
    return { code: 'token_unchecked', message: 'the token found in the file is being checked' };
  const left = inFile.expiresAt - now;
  return left < readyFloor(inFile.lifeMs, policy)
    ? {
        code: 'token_expiring',
        message: `the token in the file ends in ${Math.round(left / 1000)} s and could not be renewed`,
      }
    : undefined;
}

/** The state for people and for the status command: times in RFC 3339, no secret. */
export function statusOf(state: State, now: number, policy: Policy) {
  const { inFile, loginTrouble, writeTrouble, lastSuccessAt } = state;
  const time = (ms: number) => new Date(ms).toISOString();
  return {
    ready: readyReasons(state, now, policy).length === 0,
    authenticated: authenticated(state, now),
    token_expires_at: inFile ? time(inFile.expiresAt) : null,
    token_seconds_left: inFile ? Math.floor((inFile.expiresAt - now) / 1000) : null,
    refresh_at: inFile ? time(inFile.refreshAt) : null,
    last_login_at: lastSuccessAt === undefined ? null : time(lastSuccessAt),
    login_wanted: loginReason(state, now) ?? null,
    last_probe: state.lastProbe ?? null,
    login_failure: loginTrouble
      ? {
          code: loginTrouble.last.class,
          message: loginTrouble.last.message,
          times: loginTrouble.count,
          since: time(loginTrouble.since),
          next_try_at: time(loginTrouble.retryAt),
        }
      : null,
    write_failure: writeTrouble
      ? {
          message: writeTrouble.last,
          times: writeTrouble.count,
          since: time(writeTrouble.since),
          next_try_at: time(writeTrouble.retryAt),
        }
      : null,
  };
}
