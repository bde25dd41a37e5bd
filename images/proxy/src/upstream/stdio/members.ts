/** What sessions have set on a server that may serve several of them: their log level and their subscriptions. */
import { remember } from '../../../../kit/src/remember.ts';
import { paramString } from '../../jsonrpc/server-message.ts';

/** From the most verbose to the most quiet, as RFC 5424 orders them. */
const LEVELS: readonly string[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];

export const LEVEL_NAMES = LEVELS.join(', ');
/** What a session hears that never asked for a level while another did. */
const UNASKED = 'info';
/** Most sessions and most resources that are remembered. */
const REMEMBERED = 10_000;

const rank = (level = '') => LEVELS.indexOf(level);

interface Subscription {
  /** The child that was asked; its successor is asked again. */
  readonly slot: number;
  readonly sessions: Set<string>;
}

export class Members {
  readonly #levels = new Map<string, string>();
  readonly #subscriptions = new Map<string, Subscription>();

  /** False when there is no such level. */
  setLevel(session: string, level: unknown): boolean {
    if (typeof level !== 'string' || rank(level) < 0) return false;
    remember(this.#levels, session, level, REMEMBERED);
    return true;
  }

  /** Takes a level back that the server refused. */
  unsetLevel(session: string): void {
    this.#levels.delete(session);
  }

  /** The most verbose level that anyone asked for. */
  level(): string | undefined {
    const ranks = [...this.#levels.values()].map(rank);
    return ranks.length === 0 ? undefined : LEVELS[Math.min(...ranks)];
  }

  /** True when this session wants to hear this log message. */
  hears(session: string, message: Buffer): boolean {
    if (this.#levels.size === 0) return true;
    return rank(paramString(message, 'level')) >= rank(this.#levels.get(session) ?? UNASKED);
  }

  /** The slot whose child watches a resource. */
  slotOf(uri: string): number | undefined {
    return this.#subscriptions.get(uri)?.slot;
  }

  /** False when too many resources are watched already. */
  subscribe(session: string, uri: string, slot: number): boolean {
    const known = this.#subscriptions.get(uri);
    if (known) known.sessions.add(session);
    else if (this.#subscriptions.size >= REMEMBERED) return false;
    else this.#subscriptions.set(uri, { slot, sessions: new Set([session]) });
    return true;
  }

  /** True when nobody watches the resource any more. */
  unsubscribe(session: string, uri: string): boolean {
    const known = this.#subscriptions.get(uri);
    if (!known?.sessions.delete(session) || known.sessions.size > 0) return false;
    return this.#subscriptions.delete(uri);
  }

  /** Sessions that subscribed to a resource, or to one that it is a part of, at the child of this slot. */
  subscribersOf(uri: string, slot: number): string[] {
    const sessions = new Set<string>();
    for (const [watched, subscription] of this.#subscriptions) {
      const parent = watched.endsWith('/') ? watched : `${watched}/`;
      if (subscription.slot !== slot || (uri !== watched && !uri.startsWith(parent))) continue;
      for (const session of subscription.sessions) sessions.add(session);
    }
    return [...sessions];
  }

  /** Resources that the child of a slot watches. */
  watched(slot: number): string[] {
    return [...this.#subscriptions].filter(([, one]) => one.slot === slot).map(([uri]) => uri);
  }

  /** Forgets a session. */
  end(session: string): void {
    this.#levels.delete(session);
    for (const uri of [...this.#subscriptions.keys()]) this.unsubscribe(session, uri);
  }
}
