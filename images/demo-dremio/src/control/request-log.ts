/** What the stand-in was asked: an in-memory record that tests read and wait on. Holds no token, only fingerprints. */
import type { TokenState } from '../access/tokens.ts';

export interface RequestEntry {
  /** Counts from 1 in order of arrival. */
  readonly seq: number;
  /** Arrival by the stand-in's clock, milliseconds since the Unix epoch. */
  readonly time: number;
  readonly method: string;
  /** Path without the query, as it came. */
  readonly path: string;
  /** The route's pattern, e.g. `/api/v3/job/:id`; `(none)` where no route matched. */
  readonly route: string;
  /** Fingerprint of the token that came along, if one did. */
  readonly token: string | undefined;
  /** What that token was worth on arrival. */
  readonly tokenState: TokenState;
  /** Status of the answer; 0 when the connection ended without one. */
  readonly status: number;
  /** Real time from arrival to the end of the answer, in milliseconds. */
  readonly durationMs: number;
}

/** What the caller wants to wait for: text equals the method and path or its route, e.g. `POST /apiv2/login`. */
export type RequestMatcher = string | ((entry: RequestEntry) => boolean);

const DEFAULT_WAIT_MS = 5_000;

const matches = (matcher: RequestMatcher, entry: RequestEntry): boolean =>
  typeof matcher === 'function'
    ? matcher(entry)
    : [entry.path, entry.route].some((path) => matcher === `${entry.method} ${path}`);

export class RequestLog {
  readonly #capacity: number;
  readonly #waiters = new Set<(entry: RequestEntry) => void>();
  #entries: RequestEntry[] = [];
  #total = 0;

  /** @param capacity how many of the newest entries are kept. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(entry: RequestEntry): void {
    this.#total++;
    this.#entries.push(entry);
    // Cut back now and then, not at each request.
    if (this.#entries.length > this.#capacity * 2) this.#entries = this.#newest();
    for (const waiter of this.#waiters) waiter(entry);
  }

  #newest(): RequestEntry[] {
    return this.#entries.slice(Math.max(0, this.#entries.length - this.#capacity));
  }

  /** Finished requests, oldest first; those that match when a matcher is given. */
  entries(matcher?: RequestMatcher): readonly RequestEntry[] {
    const kept = this.#newest();
    return matcher === undefined ? kept : kept.filter((entry) => matches(matcher, entry));
  }

  /** How many requests have finished, also those no longer kept. */
  get total(): number {
    return this.#total;
  }

  /** Forgets the entries, so that a test can look at what follows. */
  clear(): void {
    this.#entries = [];
  }

  /**
   * Resolves with the `count`-th finished request that matches, counting those already in the log.
   * @throws Error naming what was seen instead when `timeoutMs` (default 5 s) have passed.
   */
  waitFor(
    matcher: RequestMatcher,
    { count = 1, timeoutMs = DEFAULT_WAIT_MS }: { count?: number; timeoutMs?: number } = {},
  ): Promise<RequestEntry> {
    const before = this.entries(matcher);
    const already = before[count - 1];
    if (already) return Promise.resolve(already);
    let missing = count - before.length;
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter = (entry: RequestEntry) => {
        if (!matches(matcher, entry) || --missing > 0) return;
        settle();
        resolve(entry);
      };
      const timer = setTimeout(() => {
        settle();
        const seen = this.#entries.slice(-10).map((e) => `${e.method} ${e.path} ${e.status}`);
        const wanted = typeof matcher === 'string' ? matcher : 'request';
        reject(
          new Error(`no ${wanted} within ${timeoutMs} ms; last seen: ${seen.join(', ') || 'none'}`),
        );
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }
}
