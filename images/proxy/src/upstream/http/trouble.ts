/** What can go wrong with a remote server, in words for clients and for the operations port. */
import type { Reason } from '../../../../kit/src/operations.ts';
import { retryAfterMs } from '../../hop/retry-after.ts';

export type TroubleCode =
  | 'upstream_unchecked'
  | 'upstream_unreachable'
  | 'upstream_refused'
  | 'upstream_busy'
  | 'upstream_unwell'
  | 'upstream_lost'
  | 'too_large'
  | 'session_gone';

interface TroubleDetails {
  readonly undelivered?: boolean;
  readonly retryAfter?: number;
  readonly passing?: boolean;
}

/** A request that got no answer of the server; the message is for people and holds no credential. */
export class Trouble extends Error {
  readonly code: TroubleCode;
  /** True when the server cannot have worked on the request. */
  readonly undelivered: boolean;
  /** Seconds after which another try makes sense, if the server said so. */
  readonly retryAfter: number | undefined;
  /** True when the same may well go better in a moment. */
  readonly passing: boolean;
  constructor(code: TroubleCode, message: string, given: TroubleDetails = {}) {
    const { undelivered = false, retryAfter, passing = false } = given;
    super(message);
    this.name = 'Trouble';
    this.code = code;
    this.undelivered = undelivered;
    this.retryAfter = retryAfter;
    this.passing =
      passing || ['upstream_lost', 'upstream_unreachable', 'upstream_busy'].includes(code);
  }

  get reason(): Reason {
    return { code: this.code, message: this.message };
  }
}

/** Some servers say so with 400 instead of 404 (the Python SDK before the end of 2025). */
const UNKNOWN_SESSION = /session/i;
const LONGEST_PAUSE_S = 3600;

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
