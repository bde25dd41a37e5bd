/** What this replica remembers of sessions: which are ended, and which were used lately. */
import { remember } from '../../../kit/src/remember.ts';
import type { Session } from './session-id.ts';

const REMEMBERED = 100_000;
/** A session counts as open when it was used within this time. */
const IDLE_MS = 30 * 60_000;
/** A use within this time of another is not worth the writing down. */
const EXACT_MS = 1_000;

export class Sessions {
  /** Ended before their time, by name, with their expiry in seconds. */
  readonly #ended = new Map<string, number>();
  readonly #used = new Map<string, number>();

  use(session: Session, now: number): void {
    const before = this.#used.get(session.name);
    if (before === undefined || Math.abs(now - before) >= EXACT_MS)
      remember(this.#used, session.name, now, REMEMBERED);
  }

  isEnded(session: Session): boolean {
    return this.#ended.has(session.name);
  }

  end(session: Session): void {
    remember(this.#ended, session.name, session.expiresAt, REMEMBERED);
    this.#used.delete(session.name);
  }

  /** Number of sessions used within the last half hour. */
  count(now: number): number {
    // Ordered by use, so the old ones stand in front.
    for (const [name, at] of this.#used) {
      if (now - at < IDLE_MS) break;
      this.#used.delete(name);
    }
    return this.#used.size;
  }
}
