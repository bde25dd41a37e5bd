import { stat } from 'node:fs/promises';
import type { Clock } from '../../../../kit/src/clock.ts';
import { errorText, type Logger } from '../../../../kit/src/logger.ts';

const POLL_MS = 250;

/** A file's value as it is now; while a changed file cannot be used, the value from before. */
export class WatchedFile<T> {
  readonly #path: string;
  readonly #read: (path: string) => Promise<T>;
  readonly #stopping = new AbortController();
  #value: T;

  private constructor(path: string, read: (path: string) => Promise<T>, value: T) {
    this.#path = path;
    this.#read = read;
    this.#value = value;
  }

  /** @throws what `read` throws when the file cannot be used at the start */
  static async open<T>(options: {
    path: string;
    read(path: string): Promise<T>;
    clock: Clock;
    log: Logger;
    onChange(): void;
  }): Promise<WatchedFile<T>> {
    const version = await versionOf(options.path);
    const file = new WatchedFile(options.path, options.read, await options.read(options.path));
    void file.#watch(version, options);
    return file;
  }

  get value(): T {
    return this.#value;
  }

  close(): void {
    this.#stopping.abort();
  }

  async #watch(
    first: string,
    { clock, log, onChange }: { clock: Clock; log: Logger; onChange(): void },
  ): Promise<void> {
    const { signal } = this.#stopping;
    for (let known = first; ; ) {
      await clock.sleep(POLL_MS, signal);
      if (signal.aborted) return;
      const version = await versionOf(this.#path);
      if (version === known) continue;
      known = version;
      try {
        this.#value = await this.#read(this.#path);
        log.info('upstream_file_read', { path: this.#path });
        onChange();
      } catch (error) {
        log.error('upstream_file_unusable', { path: this.#path, error: errorText(error) });
      }
    }
  }
}

const versionOf = (path: string): Promise<string> =>
  stat(path, { bigint: true }).then(
    ({ ino, size, mtimeNs }) => `${ino} ${size} ${mtimeNs}`,
    () => 'none',
  );
