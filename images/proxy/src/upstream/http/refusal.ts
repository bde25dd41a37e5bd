/** What an HTTP status other than success means, and what the server says with it. */
import { retryAfterMs } from '../../hop/retry-after.ts';
import { contentType, readBeginning } from './incoming.ts';
import type { RemoteResponse } from './remote.ts';
import { Trouble } from './trouble.ts';

/** Some servers say so with 400 instead of 404 (the Python SDK before the end of 2025). */
const UNKNOWN_SESSION = /session/i;
const LONGEST_PAUSE_S = 3600;
const LONGEST_SAYING = 300;

export interface Refusal {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** What the server says, already without credentials; may be empty. */
  readonly text: string;
  /** True when the request named a session. */
  readonly inSession: boolean;
  /** Address of the server, for people. */
  readonly address: string;
  readonly now: number;
}

/** An HTTP status other than success, as what it means. */
export function troubleOf(refusal: Refusal): Trouble {
  const { status, inSession, address, text } = refusal;
  const said = text === '' ? '' : `: ${text}`;
  const at = `the MCP server at ${address}`;
  const wait = retryAfterMs(refusal.retryAfter, refusal.now);
  const retryAfter =
    wait === undefined ? {} : { retryAfter: Math.min(LONGEST_PAUSE_S, Math.ceil(wait / 1000)) };
  if (inSession && (status === 404 || (status === 400 && UNKNOWN_SESSION.test(text))))
    return new Trouble('session_gone', `${at} no longer knows its session (${status})`, {
      undelivered: true,
    });
  if (status >= 300 && status < 400)
    return new Trouble(
      'upstream_unwell',
      `${at} answers with a redirect (${status}): UPSTREAM_URL is wrong`,
      { undelivered: true },
    );
  switch (status) {
    case 401:
    case 403:
      return new Trouble(
        'upstream_refused',
        `${at} refuses this proxy (${status})${said}; UPSTREAM_HEADERS_FILE holds what it is shown`,
        { undelivered: true },
      );
    case 404:
    case 405:
      return new Trouble(
        'upstream_unwell',
        `there is no MCP endpoint at ${address} (${status}): UPSTREAM_URL is wrong`,
        { undelivered: true },
      );
    case 421:
      return new Trouble(
        'upstream_unwell',
        `${at} does not serve this Host header (421)${said}; UPSTREAM_HOST sets the one it wants`,
        { undelivered: true },
      );
    case 413:
      return new Trouble('too_large', `${at} says that the request is too large (413)`, {
        undelivered: true,
      });
    case 429:
      return new Trouble('upstream_busy', `${at} has too many requests (429)${said}`, {
        undelivered: true,
        retryAfter: 1,
        ...retryAfter,
      });
    case 503:
      return new Trouble('upstream_unwell', `${at} cannot serve now (503)${said}`, {
        passing: true,
        retryAfter: 5,
        ...retryAfter,
      });
    default:
      return new Trouble('upstream_unwell', `${at} answers ${status}${said}`, {
        passing: status === 409 || status >= 500,
      });
  }
}

/**
 * Reads a refused request's answer, as far as its words are needed.
 * @param clean takes credentials out of them
 */
export async function readRefusal(
  response: RemoteResponse,
  {
    clean,
    ...context
  }: Pick<Refusal, 'inSession' | 'address' | 'now'> & { clean(bytes: Buffer): Buffer },
): Promise<Trouble> {
  const { statusCode: status, headers } = response;
  const retryAfter = headers['retry-after'];
  // More than is shown, since what is cut off may be the rest of a credential.
  const said = await readBeginning(response, 4 * LONGEST_SAYING);
  return troubleOf({
    ...context,
    status,
    retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
    text: saying(contentType(response), clean(Buffer.from(said)).toString('utf8')),
  });
}

/** The words of a JSON-RPC or other error body; nothing of a web page. */
function saying(type: string, text: string): string {
  if (type === 'text/html') return '';
  let words = text;
  try {
    const body = JSON.parse(text) as { error?: { message?: unknown } | string; message?: unknown };
    const inner = typeof body.error === 'object' ? body.error.message : body.error;
    words = [inner, body.message].find((word): word is string => typeof word === 'string') ?? '';
  } catch {
    // Plain text, or JSON that was cut off.
  }
  return words.replace(/\s+/g, ' ').trim().slice(0, LONGEST_SAYING);
}
