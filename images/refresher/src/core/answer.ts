/**
 * What an answer of Dremio means. Pure: from status, headers, body and times to a token or a failure.
 * Facts about Dremio: dremio/dremio-oss, `LogInLogOutResource`, `NoUserFilter`, `DACAuthFilter` (25.2).
 */
import { BEARER_TOKEN } from '../../../kit/src/token-file.ts';
import type { Failure } from './failure.ts';
import { clockSkew, MAX_EXPIRY_MS, MIN_LIFE_MS } from './schedule.ts';

export interface Answer {
  readonly status: number;
  /** Names in lower case; of a repeated header the first. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  /** Our clock when the request was sent and when its answer was complete, epoch ms. */
  readonly sentAt: number;
  readonly receivedAt: number;
}

/** A token as issued; all times in our clock. */
export interface Issued {
  readonly token: string;
  readonly expiresAt: number;
  readonly lifeMs: number;
  /** How far Dremio's clock is ahead of ours, ms. */
  readonly skewMs: number;
}

export type LoginResult =
  | ({ readonly ok: true } & Issued)
  | { readonly ok: false; readonly failure: Failure };

export const PROBE_OUTCOMES = [
  'accepted',
  'refused',
  'no_first_user',
  'unreachable',
  'failing',
  'throttled',
  'unexpected',
] as const;
/** What a probe says; only `refused` speaks against the token, the others against Dremio or the way there. */
export type ProbeOutcome = (typeof PROBE_OUTCOMES)[number];

/** Reads the answer to `POST /apiv2/login`. */
export function readLogin(answer: Answer): LoginResult {
  const failure = readTrouble(answer, 'login') ?? readRefusal(answer);
  return failure ? { ok: false, failure } : readIssued(answer);
}

/** Reads the answer to `PUT /apiv2/bootstrap/firstuser`; `undefined` when the user was created. */
export function readFirstUser(answer: Answer): Failure | undefined {
  const trouble = readTrouble(answer, 'creation of the first user');
  if (trouble || answer.status === 200) return trouble;
  if (answer.status === 400)
    return {
      class: 'no_first_user',
      message:
        'Dremio did not take the first user (400): its password needs at least 8 characters, a letter and a digit among them, its name no " and no colon; or another user was created meanwhile',
    };
  return {
    class: 'malformed_answer',
    message: `Dremio answered the creation of the first user with ${answer.status}; expected 200`,
  };
}

/** Reads the answer to `GET /apiv2/server_status`; `undefined` when Dremio serves. */
export function readStatus(answer: Answer): Failure | undefined {
  const trouble = readTrouble(answer, 'question for its status');
  if (trouble || (answer.status === 200 && answer.body.trim() === '"OK"')) return trouble;
  return {
    class: 'wrong_product',
    message: `the answer (${answer.status}) is not Dremio's; DREMIO_URL must be the address of Dremio itself`,
  };
}

/** What is wrong with an answer to any call, whatever the call was for. */
function readTrouble(answer: Answer, what: string): Failure | undefined {
  const { status } = answer;
  if (status === 429)
    return {
      class: 'dremio_throttling',
      message: 'Dremio asks for fewer requests (429)',
      retryAfterMs: retryAfter(answer),
    };
  // A gateway in front of Dremio may say 502 in HTML, so this comes before any look at the body.
  if (status === 408 || status >= 500)
    return {
      class: 'dremio_failing',
      message: `Dremio answered the ${what} with ${status}`,
      retryAfterMs: retryAfter(answer),
    };
  const elsewhere = (found: string): Failure => ({
    class: 'wrong_product',
    message: `${found}; DREMIO_URL must be the address of Dremio itself`,
  });
  if (status >= 300 && status < 400)
    return elsewhere(
      `the answer is a redirect (${status})${target(answer)}, which is not followed`,
    );
  if (isHtml(answer))
    return elsewhere(`a web page came back (${status}, HTML) instead of an answer of Dremio`);
  return status === 404 ? elsewhere('there is no Dremio at this address (404)') : undefined;
}

/** What a login's own status codes mean; `undefined` for a success. */
function readRefusal({ status }: Answer): Failure | undefined {
  if (status === 401)
    return {
      class: 'credentials_refused',
      message:
        'Dremio refused the user name or the password (401); check DREMIO_USERNAME and the file that DREMIO_PASSWORD_FILE names',
    };
  if (status === 403)
    return {
      class: 'no_first_user',
      message:
        'Dremio has no user yet (403); create the first user in its web page, or let CREATE_FIRST_USER=true do it',
    };
  return status === 200
    ? undefined
    : {
        class: 'malformed_answer',
        message: `Dremio answered the login with ${status}; expected 200`,
      };
}

function readIssued({ body, headers, sentAt, receivedAt }: Answer): LoginResult {
  const malformed = (message: string): LoginResult => ({
    ok: false,
    failure: { class: 'malformed_answer', message },
  });
  const { token, expires } = jsonObject(body) ?? {};
  if (typeof token !== 'string' || !BEARER_TOKEN.test(token))
    return malformed('the login answer (200) holds no usable "token"');
  if (typeof expires !== 'number' || !(expires > 0 && expires <= MAX_EXPIRY_MS))
    return malformed('the login answer (200) holds no usable "expires" (epoch milliseconds)');
  const skewMs = clockSkew(headers.date, sentAt, receivedAt);
  const expiresAt = Math.floor(expires - skewMs);
  const lifeMs = expiresAt - receivedAt;
  if (expiresAt > MAX_EXPIRY_MS) return malformed('the new token ends after the year 9999');
  if (lifeMs <= MIN_LIFE_MS)
    return malformed(
      `the new token has ${Math.round(lifeMs / 1000)} s to live by Dremio's own clock; more than ${MIN_LIFE_MS / 1000} s are needed`,
    );
  return { ok: true, token, expiresAt, lifeMs, skewMs };
}

/** Reads the answer to `GET /apiv2/login` with a token. */
export function readProbe(answer: Answer): ProbeOutcome {
  const { status } = answer;
  if (status === 429) return 'throttled';
  if (status === 408 || status >= 500) return 'failing';
  if (isHtml(answer)) return 'unexpected';
  if (status === 401) return 'refused';
  if (status === 403) return 'no_first_user';
  return status === 200 && answer.body.trim() === 'true' ? 'accepted' : 'unexpected';
}

function isHtml({ headers, body }: Answer): boolean {
  return /\bhtml\b/i.test(headers['content-type'] ?? '') || /^\s*</.test(body);
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Where a redirect leads, without path and query: those could carry something secret. */
function target({ headers }: Answer): string {
  const origin = URL.parse(headers.location ?? '')?.origin;
  return origin && origin !== 'null' ? ` to ${origin}` : '';
}

/** `Retry-After` in ms: seconds or an HTTP date (RFC 9110 section 10.2.3). */
function retryAfter({ headers, receivedAt }: Answer): number | undefined {
  const text = headers['retry-after']?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - receivedAt);
}
