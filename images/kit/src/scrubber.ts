/** Secrets shorter than this would blank out ordinary words; none of ours is that short. */
const SHORTEST_SECRET = 8;
const REPLACEMENT = '[redacted]';

/** Replaces known secret values in text, also in the forms they take in JSON, URLs and Basic headers. */
export class Scrubber {
  readonly #forms = new Set<string>();

  add(secret: string): void {
    if (secret.length < SHORTEST_SECRET) return;
    const base64 = Buffer.from(secret).toString('base64');
    for (const form of [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      base64,
      base64.replace(/=+$/, ''),
      Buffer.from(secret).toString('base64url'),
    ])
      this.#forms.add(form);
  }

  scrub(text: string): string {
    let clean = text;
    for (const form of this.#forms)
      if (clean.includes(form)) clean = clean.replaceAll(form, REPLACEMENT);
    return clean;
  }
}
