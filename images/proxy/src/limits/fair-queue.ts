/** A queue that is fair between keys: they take turns, however many requests each of them has waiting. */
export class FairQueue<T> {
  /** Waiting items by key; the key in front has the next turn. */
  readonly #waiting = new Map<string, T[]>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(key: string, item: T): void {
    const own = this.#waiting.get(key);
    if (own) own.push(item);
    else this.#waiting.set(key, [item]);
    this.#length++;
  }

  /** The oldest item of the key whose turn it is; that key goes to the end of the line. */
  shift(): T | undefined {
    for (const [key, own] of this.#waiting) {
      const item = own.shift();
      this.#waiting.delete(key);
      if (own.length > 0) this.#waiting.set(key, own);
      this.#length--;
      return item;
    }
    return undefined;
  }

  /** Takes an item out of the line; false when it is not in it. */
  remove(key: string, item: T): boolean {
    const own = this.#waiting.get(key) ?? [];
    const at = own.indexOf(item);
    if (at < 0) return false;
    own.splice(at, 1);
    if (own.length === 0) this.#waiting.delete(key);
    this.#length--;
    return true;
  }
}
