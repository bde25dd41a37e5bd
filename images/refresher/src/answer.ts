/**
 * What an answer of Dremio means. Pure: from status, headers, body and times to a token or a failure.
 * Facts about Dremio: dremio/dremio-oss, `LogInLogOutResource`, `NoUserFilter`, `DACAuthFilter` (25.2).
 */
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

/** What may follow "Bearer" in a header (RFC 6750 section 2.1). */
const BEARER_TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Reads the answer to `POST /apiv2/login`. */
export function readLogin(answer: Answer): LoginResult {
  const { status } = answer;
  const fail = (kind: Failure['class'], message: string, retryAfterMs?: number): LoginResult => ({
    ok: false,
    failure: { class: kind, message, retryAfterMs },
  });
  if (status === 429)
    return fail('dremio_throttling', 'Dremio asks for fewer requests (429)', retryAfter(answer));
  // A gateway in front of Dremio may say 502 in HTML, so this comes before any look at the body.
  if (status === 408 || status >= 500)
    return fail('dremio_failing', `Dremio answered the login with ${status}`, retryAfter(answer));
  if (status >= 300 && status < 400)
    return fail(
      'wrong_product',
      `the answer is a redirect (${status})${target(answer)}, which a login does not follow; DREMIO_URL must be the address of Dremio itself`,
    );
  if (isHtml(answer))
    return fail(
      'wrong_product',
      `a web page came back (${status}, HTML) instead of Dremio's login answer; DREMIO_URL must be the address of Dremio itself`,
    );
  if (status === 401)
    return fail(
      'credentials_refused',
      'Dremio refused the user name or the password (401); check DREMIO_USERNAME and the file that DREMIO_PASSWORD_FILE names',
    );
  if (status === 403)
    return fail(
      'no_first_user',
      'Dremio has no user yet (403); create the first user in its web page',
    );
  if (status === 404)
    return fail(
      'wrong_product',
      'there is no Dremio login at this address (404); DREMIO_URL must be the address of Dremio itself',
    );
  if (status !== 200)
    return fail('malformed_answer', `Dremio answered the login with ${status}; expected 200`);
  return readIssued(answer);
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
