/** Shorter texts would blot out ordinary words, and protect nothing. */
const shortestMasked = 4;

/** Replaces secret texts in everything a run says. */
export class Mask {
  readonly #texts = new Set<string>();

  add(texts: Iterable<string>): void {
    for (const text of texts) if (text.length >= shortestMasked) this.#texts.add(text);
  }

  apply(message: string): string {
    // Longest first: a secret that contains another must not leave its ends behind.
    const longestFirst = [...this.#texts].sort((a, b) => b.length - a.length);
    return longestFirst.reduce((text, found) => text.replaceAll(found, '[secret]'), message);
  }
}
