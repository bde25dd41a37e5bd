/** What can go wrong with a remote server, in words for clients and for the operations port. */
import type { Reason } from '../../../../kit/src/operations.ts';

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
