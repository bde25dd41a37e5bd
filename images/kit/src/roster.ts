/**
 * Those that are here now, oldest first, for things that come and go thousands of times a second. A `Set` would do,
 * but V8 links each of its outgrown tables to the next one: dead tables that reached the old generation keep all that
 * came later alive until a full collection (v8/src/objects/ordered-hash-table.cc, SetNextTable).
 */
export class Roster<T> implements Iterable<T> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** The one that came last. */
  get newest(): T | undefined {
    return this.#members.at(-1);
  }

  add(member: T): void {
    this.#members.push(member);
  }

  /** False when it was not here. */
  delete(member: T): boolean {
    const at = this.#members.indexOf(member);
    if (at >= 0) this.#members.splice(at, 1);
    return at >= 0;
  }

  find(test: (member: T) => boolean): T | undefined {
    return this.#members.find(test);
  }

  /** Those that are here when the iteration begins. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.#members].values();
  }
}
