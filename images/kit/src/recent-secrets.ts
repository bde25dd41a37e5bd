import type { Logger } from './logger.ts';

/** Hides the last few values of a secret that changes from the log; older ones work no more and are let go. */
export class RecentSecrets {
  readonly #log: Logger;
  readonly #keep: number;
  readonly #release = new Map<string, () => void>();

  constructor(log: Logger, keep: number) {
    this.#log = log;
    this.#keep = keep;
  }

  hide(secret: string): void {
    if (this.#release.has(secret)) return;
    this.#release.set(secret, this.#log.protect(secret));
    const [oldest] = this.#release;
    if (!oldest || this.#release.size <= this.#keep) return;
    oldest[1]();
    this.#release.delete(oldest[0]);
  }
}
