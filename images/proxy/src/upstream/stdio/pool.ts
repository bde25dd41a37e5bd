/** Some children that do the same work: who gets the next call, who waits, and who is to be replaced. */
import type { Clock } from '../../../../kit/src/clock.ts';
import type { Reason } from '../../../../kit/src/operations.ts';
import type { CallOptions } from '../upstream.ts';
import type { Child } from './child.ts';
import type { Ready } from './life.ts';
import type { Supervisor, SupervisorOptions } from './supervisor.ts';

export interface PoolOptions {
  readonly count: number;
  /** Most calls that a child works on at once. */
  readonly maxInFlight: number;
  /** Most calls that wait for a child that has a place; 0 = they are refused at once. */
  readonly maxWaiting: number;
  /** How long a call waits while no child is ready, in milliseconds. */
  readonly startPatienceMs: number;
  readonly clock: Clock;
  supervise(options: { slot: number } & Pick<SupervisorOptions, 'onChange'>): Supervisor;
}

/** A place at a child. */
export interface Place {
  readonly ready: Ready;
  readonly supervisor: Supervisor;
}

/** Most bytes that may wait for a server that reads slowly. */
const MOST_UNREAD = 32 * 1024 * 1024;
const RECYCLE_PAUSE_MS = 30_000;

interface Waiting {
  readonly call: CallOptions;
  settle(place: Place | 'busy' | undefined): void;
}

export class Pool {
  readonly #options: PoolOptions;
  readonly #supervisors: readonly Supervisor[] = [];
  readonly #waiting = new Set<Waiting>();
  readonly #watching = new Set<() => void>();
  #recycling: Promise<void> | undefined;
  /** After a successor that could not take its place: not before this time. */
  #recycleFrom = 0;
  #stopped = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    const onChange = () => this.#distribute();
    this.#supervisors = Array.from({ length: options.count }, (_, slot) =>
      options.supervise({ slot, onChange }),
    );
  }

  /** Children that answer now. */
  ready(): Ready[] {
    return this.#places().map(({ ready }) => ready);
  }

  /** Every child that lives. */
  children(): Child[] {
    return this.#supervisors.flatMap((one) => one.children());
  }

  /** The child of a slot that answers now. */
  at(slot: number): Ready | undefined {
    return this.#supervisors[slot]?.current();
  }

  /** Places at which children end again and again, so that one is tried only now and then. */
  get breakersOpen(): number {
    return this.#supervisors.filter(({ breakerOpen }) => breakerOpen).length;
  }

  /** Why a call would fail now; one child that answers is enough. */
  health(): readonly Reason[] {
    const all = this.#supervisors.map((one) => one.health());
    return all.some((reasons) => reasons.length === 0) ? [] : (all[0] ?? []);
  }

  /** Seconds until the next start of any of them. */
  secondsToStart(): number {
    return Math.min(...this.#supervisors.map((one) => one.secondsToStart()));
  }

  /**
   * A place for a call at the child with the least to do: `busy` when none has one, undefined when none is ready
   * in time or the call is given up. Whoever gets one gives it back with `leave`. Comes at once unless the call has
   * to wait.
   */
  take(call: CallOptions): Place | Promise<Place | 'busy' | undefined> {
    // Whoever comes now stands behind those who wait already.
    const place = this.#waiting.size === 0 ? this.#least() : undefined;
    place?.ready.child.work.begin(call);
    return place ?? this.#wait(call);
  }

  #wait(call: CallOptions): Promise<Place | 'busy' | undefined> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        call,
        settle: (place) => {
          if (!this.#waiting.delete(waiting)) return;
          call.signal.removeEventListener('abort', give);
          over?.abort();
          resolve(place);
        },
      };
      const give = () => waiting.settle(undefined);
      let over: AbortController | undefined;
      this.#waiting.add(waiting);
      call.signal.addEventListener('abort', give, { once: true });
      this.#distribute();
      if (!this.#waiting.has(waiting)) return;
      if (call.signal.aborted) return give();
      const { clock, startPatienceMs } = this.#options;
      over = new AbortController();
      void clock.sleep(startPatienceMs, over.signal).then(() => {
        // While children are ready and busy the call's own deadline decides.
        if (this.#places().length === 0) give();
      });
    });
  }

  leave({ ready }: Place, call: CallOptions): void {
    ready.child.work.end(call);
    this.#distribute();
  }

  /** A ready child, waiting for one up to `patienceMs`; not at all while they end again and again. */
  async whenReady(patienceMs: number): Promise<Ready | undefined> {
    const { clock } = this.#options;
    const deadline = clock.now() + patienceMs;
    for (;;) {
      const [first] = this.#places();
      const left = deadline - clock.now();
      if (first || this.#hopeless || left <= 0) return first?.ready;
      const changed = new AbortController();
      const wake = () => changed.abort();
      this.#watching.add(wake);
      await clock.sleep(left, changed.signal);
      this.#watching.delete(wake);
    }
  }

  /** Replaces children for which `reason` gives one, one after the other, so that there is one more at most. */
  recycle(reason: (ready: Ready) => string | undefined): void {
    const { clock } = this.#options;
    if (this.#recycling || this.#stopped || clock.now() < this.#recycleFrom) return;
    for (const { ready, supervisor } of this.#places()) {
      const why = reason(ready);
      if (why === undefined) continue;
      this.#recycling = supervisor.recycle(why).then((replaced) => {
        this.#recycling = undefined;
        if (!replaced) this.#recycleFrom = clock.now() + RECYCLE_PAUSE_MS;
        this.recycle(reason);
      });
      return;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#supervisors.map((one) => one.stop()));
    await this.#recycling;
  }

  #places(): Place[] {
    return this.#supervisors.flatMap((supervisor) => {
      const ready = supervisor.current();
      return ready ? [{ ready, supervisor }] : [];
    });
  }

  /** True when waiting for a child makes no sense now. */
  get #hopeless(): boolean {
    const all = this.#supervisors;
    return all.length > 0 && all.every(({ hopeless }) => hopeless);
  }

  /** Something changed: those who wait get their places in the order they came. */
  #distribute(): void {
    for (const wake of this.#watching) wake();
    if (this.#waiting.size === 0) return;
    for (const waiting of [...this.#waiting]) {
      const place = this.#least();
      if (place) {
        place.ready.child.work.begin(waiting.call);
        waiting.settle(place);
      } else if (this.#supervisors.some((one) => one.current())) {
        for (const late of [...this.#waiting].slice(this.#options.maxWaiting)) late.settle('busy');
        return;
      } else if (this.#hopeless) waiting.settle(undefined);
    }
  }

  /** The place at the child with the least to do; undefined when every child has enough. */
  #least(): Place | undefined {
    let least: Place | undefined;
    for (const supervisor of this.#supervisors) {
      const ready = supervisor.current();
      if (!ready) continue;
      const { work, unread } = ready.child;
      if (work.count >= this.#options.maxInFlight || unread > MOST_UNREAD) continue;
      const place = { ready, supervisor };
      if (!least || isBetter(place, least)) least = place;
    }
    return least;
  }
}

/** Less to do; but a child that may be hung only where no other has a place. */
function isBetter(one: Place, other: Place): boolean {
  if (one.supervisor.doubtful !== other.supervisor.doubtful) return other.supervisor.doubtful;
  return one.ready.child.work.count < other.ready.child.work.count;
}
