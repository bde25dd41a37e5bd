/**
 * How much one query may fetch. The official server asks for all pages of a result at once and keeps them in
 * memory, so the limit holds for the pages together.
 */
import { remember } from '../../../kit/src/remember.ts';

const REMEMBERED_QUERIES = 1_000;

export class ResultBudget {
  readonly #limit: number;
  readonly #used = new Map<string, number>();

  /** `limit`: bytes per query. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get limit(): number {
    return this.#limit;
  }

  /** True when the query has used up what it may fetch. */
  spent(query: string): boolean {
    return (this.#used.get(query) ?? 0) > this.#limit;
  }

  /** Counts bytes of a query; false when they are more than it may fetch. */
  take(query: string, bytes: number): boolean {
    const used = (this.#used.get(query) ?? 0) + bytes;
    remember(this.#used, query, used, REMEMBERED_QUERIES);
    return used <= this.#limit;
  }
}
