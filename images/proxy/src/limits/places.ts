/**
 * Who may send a request to the server now, who waits and who is refused: the counting alone, without time. A key
 * and a session are counted with what they have waiting, so that nobody fills the queue for the others.
 */
import { FairQueue } from './fair-queue.ts';

export interface Limits {
  /** Most requests at the server at once. */
  readonly inFlight: number;
  /** Most requests of one key, and of one session, running and waiting together. */
  readonly perKey: number;
  readonly perSession: number;
  /** Most requests that wait for a place. */
  readonly queue: number;
}

export interface Visitor {
  readonly principal: string;
  readonly session: string;
  /** Takes the place of `Limits.perKey` for this key. */
  readonly keyLimit?: number | undefined;
}

/** Which limit stood in the way; `queue_wait` = no place became free in time. */
export type LimitName = 'key' | 'session' | 'queue' | 'queue_wait';

export interface Refusal {
  readonly limit: LimitName;
  readonly value: number;
}

export class Places<V extends Visitor> {
  readonly #limits: Limits;
  readonly #queue = new FairQueue<V>();
  readonly #byKey = new Map<string, number>();
  readonly #bySession = new Map<string, number>();
  #running = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Requests of each key that run or wait. */
  get byKey(): ReadonlyMap<string, number> {
    return new Map([...this.#byKey].filter(([, count]) => count > 0));
  }

  /** A request arrives: it runs, it waits, or it is refused and forgotten. */
  arrive(visitor: V): 'run' | 'wait' | Refusal {
    const { inFlight, perSession, queue } = this.#limits;
    const perKey = visitor.keyLimit ?? this.#limits.perKey;
    if ((this.#byKey.get(visitor.principal) ?? 0) >= perKey) return { limit: 'key', value: perKey };
    if ((this.#bySession.get(visitor.session) ?? 0) >= perSession)
      return { limit: 'session', value: perSession };
    // Whoever comes now stands behind those who wait already.
    const free = this.#running < inFlight && this.#queue.length === 0;
    if (!free && this.#queue.length >= queue) return { limit: 'queue', value: queue };
    add(this.#byKey, visitor.principal, 1);
    add(this.#bySession, visitor.session, 1);
    if (free) this.#running++;
    else this.#queue.push(visitor.principal, visitor);
    return free ? 'run' : 'wait';
  }

  /** A waiting request goes away; false when it does not wait. */
  withdraw(visitor: V): boolean {
    if (!this.#queue.remove(visitor.principal, visitor)) return false;
    this.#forget(visitor);
    return true;
  }

  /** A running request has ended. @returns who runs in its place */
  leave(visitor: V): V | undefined {
    this.#forget(visitor);
    const next = this.#queue.shift();
    if (next === undefined) this.#running--;
    return next;
  }

  #forget({ principal, session }: V): void {
    add(this.#byKey, principal, -1);
    add(this.#bySession, session, -1);
  }
}

/** Most names that are kept although nothing of them runs or waits. */
const MOST_IDLE = 1_000;

/** A count of 0 is kept for a while, since a caller that was here comes again. */
function add(counts: Map<string, number>, name: string, change: 1 | -1): void {
  counts.set(name, (counts.get(name) ?? 0) + change);
  if (change < 0 && counts.size > MOST_IDLE)
    for (const [one, count] of counts) if (count === 0) counts.delete(one);
}
