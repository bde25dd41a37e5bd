import type { Clock } from '../../../../kit/src/clock.ts';
import { errorText, type Logger } from '../../../../kit/src/logger.ts';
import { fileVersion, watchFile } from '../../../../kit/src/watch-file.ts';

/** A file's value as it is now; while a changed file cannot be used, the value from before. */
export class WatchedFile<T> {
  readonly #stopping = new AbortController();
  #value: T;

  private constructor(value: T) {
    this.#value = value;
  }

  /** @throws what `read` throws when the file cannot be used at the start */
  static async open<T>({
    path,
    read,
    clock,
    log,
    onChange,
  }: {
    path: string;
    read(path: string): Promise<T>;
    clock: Clock;
    log: Logger;
    onChange(): void;
  }): Promise<WatchedFile<T>> {
    const version = await fileVersion(path);
    const file = new WatchedFile(await read(path));
    void watchFile({
      path,
      version,
      clock,
      signal: file.#stopping.signal,
      reload: async () => {
        file.#value = await read(path);
        log.info('upstream_file_read', { path });
        onChange();
      },
      onUnusable: (error) => log.error('upstream_file_unusable', { path, error: errorText(error) }),
    });
    return file;
  }

  get value(): T {
    return this.#value;
  }

  close(): void {
    this.#stopping.abort();
  }
}
