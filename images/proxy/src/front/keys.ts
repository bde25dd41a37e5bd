/** The bearer keys of clients: named, kept as hashes, compared in constant time, read again when the file changes. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { Clock } from '../../../kit/src/clock.ts';
import { errorText, type Logger } from '../../../kit/src/logger.ts';
import { NamedFileError, readNamedFile } from '../../../kit/src/named-file.ts';

export const SHORTEST_KEY = 16;
const MAX_FILE_BYTES = 64 * 1024;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** What a client can send behind "Bearer" (RFC 6750 section 2.1). */
const KEY = /^[A-Za-z0-9\-._~+/]+=*$/;
const POLL_MS = 250;
const REMEDY =
  'Write it as {"name of a client": "its key"}; a good key comes from: openssl rand -hex 32';

export interface NamedKey {
  readonly name: string;
  readonly key: string;
}

/**
 * Reads the text of a key file: a JSON object from name to key, or to a list of keys. Errors never quote a key.
 * @throws NamedFileError unless there is at least one key and every one is long enough.
 */
export function parseKeys(text: string, path: string): NamedKey[] {
  const wrong = (reason: string) => new NamedFileError(path, { reason, remedy: REMEDY });
  if (text.trim() === '') throw wrong('is empty');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong('is not JSON; expected an object from name to key');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong('is not a JSON object from name to key');
  const keys: NamedKey[] = [];
  for (const [name, given] of Object.entries(value)) {
    if (!NAME.test(name))
      throw wrong(
        `has the name ${JSON.stringify(name)}; expected up to 64 letters, digits, dots, dashes and underscores`,
      );
    const list: unknown[] = Array.isArray(given) ? given : [given];
    if (list.length === 0) throw wrong(`has no key for ${name}`);
    for (const key of list) {
      if (typeof key !== 'string') throw wrong(`has a key for ${name} that is not text`);
      if (key.length < SHORTEST_KEY)
        throw wrong(`has a key for ${name} of less than ${SHORTEST_KEY} characters`);
      if (!KEY.test(key))
        throw wrong(`has a key for ${name} with other characters than letters, digits and -._~+/=`);
      keys.push({ name, key });
    }
  }
  if (keys.length === 0) throw wrong('holds no key');
  const names = new Map<string, string>();
  for (const { name, key } of keys) {
    const other = names.get(key);
    if (other !== undefined) throw wrong(`gives ${other} and ${name} the same key`);
    names.set(key, name);
  }
  return keys;
}

/** @throws NamedFileError when the file cannot be read or `parseKeys` refuses its text */
export async function readKeys(path: string): Promise<NamedKey[]> {
  return parseKeys(await readNamedFile(path, MAX_FILE_BYTES), path);
}

const digest = (text: string) => createHash('sha256').update(text).digest();

interface Entry {
  readonly name: string;
  readonly digest: Buffer;
}

export class KeyRing {
  readonly #path: string;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #entries: readonly Entry[] = [];
  #version = '';

  private constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  /** @throws NamedFileError when the file cannot be used. */
  static async open(path: string, clock: Clock, log: Logger): Promise<KeyRing> {
    const ring = new KeyRing(path, log);
    await ring.#load();
    void ring.#watch(clock);
    return ring;
  }

  /** Name of the key in an Authorization header; undefined when it carries none of ours. */
  identify(header: string | undefined): string | undefined {
    const given = digest(/^Bearer +([^ ]+)$/i.exec(header ?? '')?.[1] ?? '');
    let name: string | undefined;
    for (const entry of this.#entries) if (timingSafeEqual(entry.digest, given)) name = entry.name;
    return name;
  }

  close(): void {
    this.#stopping.abort();
  }

  async #load(): Promise<void> {
    const keys = await readKeys(this.#path);
    for (const { key } of keys) this.#log.protect(key);
    this.#entries = keys.map(({ name, key }) => ({ name, digest: digest(key) }));
    this.#version = await this.#fileVersion();
    this.#log.info('keys_read', { names: [...new Set(keys.map(({ name }) => name))] });
  }

  #fileVersion(): Promise<string> {
    return stat(this.#path, { bigint: true }).then(
      ({ ino, size, mtimeNs }) => `${ino} ${size} ${mtimeNs}`,
      () => 'none',
    );
  }

  async #watch(clock: Clock): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      await clock.sleep(POLL_MS, signal);
      if (signal.aborted) return;
      const version = await this.#fileVersion();
      if (version === this.#version) continue;
      this.#version = version;
      try {
        await this.#load();
      } catch (error) {
        // Whoever has a key keeps it until the file can be read again; nobody is let in who was not before.
        this.#log.error('keys_unusable', { error: errorText(error) });
      }
    }
  }
}
