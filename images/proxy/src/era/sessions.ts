/** What this replica remembers of sessions: which are ended, which were used lately, and their open streams. */
import type { EventStream } from '../front/event-stream.ts';
import type { Pieces } from '../upstream/upstream.ts';
import type { Session } from './session-id.ts';

const REMEMBERED = 100_000;
/** A session counts as open when it was used within this time. */
const IDLE_MS = 30 * 60_000;

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= REMEMBERED) break;
    map.delete(oldest);
  }
}

export class Sessions {
  /** Ended before their time, by name, with their expiry in seconds. */
  readonly #ended = new Map<string, number>();
  readonly #used = new Map<string, number>();
  readonly #streams = new Map<string, EventStream>();

  use(session: Session, now: number): void {
    remember(this.#used, session.name, now);
  }

  isEnded(session: Session): boolean {
    return this.#ended.has(session.name);
  }

  end(session: Session): void {
    remember(this.#ended, session.name, session.expiresAt);
    this.#used.delete(session.name);
    this.#streams.get(session.name)?.end();
  }

  /** The stream for what the server sends on its own account; a new one takes the place of an older one. */
  attach(session: Session, stream: EventStream): void {
    this.#streams.get(session.name)?.end();
    this.#streams.set(session.name, stream);
    stream.onClose(() => {
      if (this.#streams.get(session.name) === stream) this.#streams.delete(session.name);
    });
  }

  broadcast(message: Pieces): void {
    for (const stream of this.#streams.values()) stream.send(message);
  }

  endStreams(): void {
    for (const stream of this.#streams.values()) stream.end();
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
