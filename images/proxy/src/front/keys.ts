/** The bearer keys of clients: named, kept as hashes, compared in constant time, read again when the file changes. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../../kit/src/clock.ts';
import { errorText, type Logger } from '../../../kit/src/logger.ts';
import { fileVersion, watchFile } from '../../../kit/src/watch-file.ts';
import { type ClientOptions, readKeys } from './key-file.ts';

/** One valid key; the same object as long as the key is in the file under this name. */
export interface Access {
  /** Name of the client that has the key. */
  readonly name: string;
}

interface Entry extends Access {
  readonly digest: Buffer;
}

/** By way of a text: the Buffer that `hash` makes costs more than the hashing. */
const digest = (text: string) => Buffer.from(hash('sha256', text, 'hex'));

export class KeyRing {
  readonly #path: string;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(removed: Access) => void>();
  #entries: readonly Entry[] = [];
  #options: ReadonlyMap<string, ClientOptions> = new Map();

  private constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  /** @throws NamedFileError when the file cannot be used. */
  static async open(path: string, clock: Clock, log: Logger): Promise<KeyRing> {
    const ring = new KeyRing(path, log);
    const version = await fileVersion(path);
    await ring.#load();
    void watchFile({
      path,
      version,
      clock,
      signal: ring.#stopping.signal,
      reload: () => ring.#load(),
      // Whoever has a key keeps it until the file can be read again; nobody is let in who was not before.
      onUnusable: (error) => log.error('keys_unusable', { error: errorText(error) }),
    });
    return ring;
  }

  /** The key in an Authorization header; undefined when it carries none of ours. */
  identify(header: string | undefined): Access | undefined {
    const given = digest(/^Bearer +([^ ]+)$/i.exec(header ?? '')?.[1] ?? '');
    let found: Entry | undefined;
    for (const entry of this.#entries) if (timingSafeEqual(entry.digest, given)) found = entry;
    return found;
  }

  /** What the client of this name may do, as far as the file says. */
  optionsOf(name: string): ClientOptions | undefined {
    return this.#options.get(name);
  }

  /** Hears of each key that is valid no longer; returns the way to stop that. */
  onRemove(listener: (removed: Access) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#stopping.abort();
  }

  async #load(): Promise<void> {
    const clients = await readKeys(this.#path);
    const old = this.#entries;
    this.#entries = clients.flatMap(({ name, keys }) =>
      keys.map((key) => {
        this.#log.protect(key);
        const own = digest(key);
        return (
          old.find((one) => one.name === name && one.digest.equals(own)) ?? { name, digest: own }
        );
      }),
    );
    this.#options = new Map(clients.map(({ name, keys: _, ...options }) => [name, options]));
    const removed = old.filter((entry) => !this.#entries.includes(entry));
    this.#log.info('keys_read', {
      names: clients.map(({ name }) => name),
      removed: removed.length,
    });
    for (const entry of removed) for (const listener of this.#listeners) listener(entry);
  }
}
