/** Secrets shorter than this would blank out ordinary words; none of ours is that short. */
const SHORTEST_SECRET = 8;
const REPLACEMENT = '[redacted]';

/** Replaces known secret values in text, also in the forms they take in JSON, URLs and Basic headers. */
export class Scrubber {
  /** Each form with the number of secrets that have it. */
  readonly #uses = new Map<string, number>();
  /** The forms, longest first: a secret that begins like another must not leave the other's rest behind. */
  #forms: readonly string[] = [];

  /** Replaces `secret` from now on; the function that comes back ends that. */
  add(secret: string): () => void {
    if (secret.length < SHORTEST_SECRET) return () => {};
    const forms = formsOf(secret);
    for (const form of forms) this.#uses.set(form, (this.#uses.get(form) ?? 0) + 1);
    this.#sort();
    let active = true;
    return () => {
      if (!active) return;
      active = false;
      for (const form of forms) {
        const left = (this.#uses.get(form) ?? 0) - 1;
        if (left > 0) this.#uses.set(form, left);
        else this.#uses.delete(form);
      }
      this.#sort();
    };
  }

  scrub(text: string): string {
    let clean = text;
    for (const form of this.#forms)
      if (clean.includes(form)) clean = clean.replaceAll(form, REPLACEMENT);
    return clean;
  }

  #sort(): void {
    this.#forms = [...this.#uses.keys()].sort((a, b) => b.length - a.length);
  }
}

function formsOf(secret: string): Set<string> {
  const base64 = Buffer.from(secret).toString('base64');
  return new Set([
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    base64,
    base64.replace(/=+$/, ''),
    Buffer.from(secret).toString('base64url'),
  ]);
}
