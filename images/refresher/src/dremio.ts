/** The calls to Dremio that the refresher needs. Each rejects only when its `signal` aborts. */
import {
  type LoginResult,
  type ProbeOutcome,
  readFirstUser,
  readLogin,
  readProbe,
  readStatus,
} from './core/answer.ts';
import type { Failure } from './core/failure.ts';
import { readFault } from './core/fault.ts';
import { type Call, createHttp, type HttpOptions, LIMITS } from './http.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Dremio {
  /** Logs in with `POST /apiv2/login`. */
  login(credentials: Credentials, signal: AbortSignal): Promise<LoginResult>;
  /** Asks with `GET /apiv2/login` whether a token still works. */
  probe(token: string, signal: AbortSignal): Promise<ProbeOutcome>;
  /** Ends a token with `DELETE /apiv2/login`. @returns why it still works; `undefined` once it does not */
  logout(token: string, signal: AbortSignal): Promise<string | undefined>;
  /** Creates the first user with `PUT /apiv2/bootstrap/firstuser`. @returns what went wrong, if anything */
  createFirstUser(credentials: Credentials, signal: AbortSignal): Promise<Failure | undefined>;
  /** Asks with `GET /apiv2/server_status` whether Dremio serves at all. @returns what is wrong, if anything */
  status(signal: AbortSignal): Promise<Failure | undefined>;
}

const LOGIN = '/apiv2/login';

export function connectDremio(options: HttpOptions): Dremio {
  const { origin } = options.url;
  const limits = { ...LIMITS, ...options.limits };
  const http = createHttp(options);

  /** Makes a call; without an answer, what that means comes back instead. */
  const ask = async (call: Call) => {
    try {
      return { answer: await http(call) };
    } catch (error) {
      call.signal.throwIfAborted();
      return { failure: readFault(error, origin) };
    }
  };
  const probe = async (token: string, signal: AbortSignal): Promise<ProbeOutcome> => {
    const { answer, failure } = await ask({
      method: 'GET',
      path: LOGIN,
      headers: { authorization: `Bearer ${token}` },
      timeoutMs: limits.probeMs,
      signal,
    });
    if (answer) return readProbe(answer);
    return failure.class === 'dremio_unreachable' ? 'unreachable' : 'unexpected';
  };

  return {
    probe,
    async login({ username, password }, signal) {
      const { answer, failure } = await ask({
        method: 'POST',
        path: LOGIN,
        body: { userName: username, password },
        timeoutMs: limits.loginMs,
        signal,
      });
      return answer ? readLogin(answer) : { ok: false, failure };
    },
    async logout(token, signal) {
      // A coordinator forgets a token that is in its cache, and a probe puts it there (dremio/dremio-oss,
      // `TokenManagerImpl.invalidateToken`).
      if ((await probe(token, signal)) === 'refused') return undefined;
      const { failure } = await ask({
        method: 'DELETE',
        path: LOGIN,
        // With "Bearer" Dremio answers 204 and logs nothing out (`LogInLogOutResource.logout`).
        headers: { authorization: `_dremio${token}` },
        timeoutMs: limits.probeMs,
        signal,
      });
      if (failure) return failure.message;
      const outcome = await probe(token, signal);
      return outcome === 'refused' ? undefined : `a probe after the logout says: ${outcome}`;
    },
    async createFirstUser({ username, password }, signal) {
      const { answer, failure } = await ask({
        method: 'PUT',
        path: '/apiv2/bootstrap/firstuser',
        // No token exists yet; Dremio's own page sends this one.
        headers: { authorization: '_dremionull' },
        body: { userName: username, password },
        timeoutMs: limits.loginMs,
        signal,
      });
      return answer ? readFirstUser(answer) : failure;
    },
    async status(signal) {
      const { answer, failure } = await ask({
        method: 'GET',
        path: '/apiv2/server_status',
        timeoutMs: limits.probeMs,
        signal,
      });
      return answer ? readStatus(answer) : failure;
    },
  };
}
