/** The calls that one child works on. */
import { Roster } from '../../../../kit/src/roster.ts';
import type { CallOptions } from '../upstream.ts';

export class Work {
  readonly #calls = new Roster<CallOptions>();
  readonly #idle = new Set<() => void>();
  #begun = 0;

  /** Calls that run now. */
  get count(): number {
    return this.#calls.size;
  }

  /** Calls since the start of the child. */
  get begun(): number {
    return this.#begun;
  }

  /** The call that began last: what a server sends meanwhile belongs to it, or to another of the same client. */
  get newest(): CallOptions | undefined {
    return this.#calls.newest;
  }

  begin(call: CallOptions): void {
    this.#begun++;
    this.#calls.add(call);
  }

  end(call: CallOptions): void {
    this.#calls.delete(call);
    if (this.#calls.size === 0) for (const wake of this.#idle) wake();
  }

  /** Calls `wake` each time when no call runs any more; returns the way to stop that. */
  onIdle(wake: () => void): () => void {
    this.#idle.add(wake);
    return () => this.#idle.delete(wake);
  }
}
