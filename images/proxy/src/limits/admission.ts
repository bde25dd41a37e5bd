/** Lets requests to the server one by one: bounded in number, fair between keys, no wait without an end. */
import type { Clock } from '../../../kit/src/clock.ts';
import { type Limits, Places, type Refusal, type Visitor } from './places.ts';

export interface AdmissionOptions extends Limits {
  /** How long a request may wait for a place, in milliseconds. */
  readonly queueWaitMs: number;
  readonly clock: Clock;
}

export type Entered =
  /** The request may go to the server; `leave` gives its place to the next. */
  | { readonly state: 'in'; readonly waitedMs: number; leave(): void }
  | { readonly state: 'refused'; readonly waitedMs: number; readonly refusal: Refusal }
  /** Its signal aborted while it waited. */
  | { readonly state: 'aborted'; readonly waitedMs: number };

interface Waiting extends Visitor {
  /** Ends the wait; does nothing for a request that did not wait. */
  settle(end: 'in' | 'late' | 'aborted'): void;
}

const nothing = () => {};

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #places: Places<Waiting>;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#places = new Places(options);
  }

  get waiting(): number {
    return this.#places.waiting;
  }

  /** Requests of each key that run or wait. */
  get byKey(): ReadonlyMap<string, number> {
    return this.#places.byKey;
  }

  /** Asks for a place; the answer comes at once unless the request has to wait. */
  enter(who: Visitor, signal: AbortSignal): Entered | Promise<Entered> {
    const visitor: Waiting = { ...who, settle: nothing };
    const decision = this.#places.arrive(visitor);
    if (decision === 'run') return this.#inside(visitor, 0);
    if (decision === 'wait') return this.#wait(visitor, signal);
    return { state: 'refused', waitedMs: 0, refusal: decision };
  }

  #inside(visitor: Waiting, waitedMs: number): Entered {
    let inside = true;
    return {
      state: 'in',
      waitedMs,
      leave: () => {
        if (inside) this.#places.leave(visitor)?.settle('in');
        inside = false;
      },
    };
  }

  #wait(visitor: Waiting, signal: AbortSignal): Promise<Entered> {
    const { clock, queueWaitMs } = this.#options;
    const start = performance.now();
    const alarm = new AbortController();
    return new Promise((resolve) => {
      const abort = () => visitor.settle('aborted');
      visitor.settle = (end) => {
        visitor.settle = nothing;
        signal.removeEventListener('abort', abort);
        alarm.abort();
        const waitedMs = performance.now() - start;
        if (end === 'in') return resolve(this.#inside(visitor, waitedMs));
        this.#places.withdraw(visitor);
        if (end === 'aborted') return resolve({ state: 'aborted', waitedMs });
        const refusal: Refusal = { limit: 'queue_wait', value: queueWaitMs };
        resolve({ state: 'refused', waitedMs, refusal });
      };
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      void clock.sleep(queueWaitMs, alarm.signal).then(() => visitor.settle('late'));
    });
  }
}
