/** Secret files with a JSON object: headers and tool arguments, read again when they change. */
import { stat } from 'node:fs/promises';
import type { Clock } from '../../../../kit/src/clock.ts';
import { errorText, type Logger } from '../../../../kit/src/logger.ts';
import { NamedFileError, readNamedFile } from '../../../../kit/src/named-file.ts';
import type { JsonObject } from '../../jsonrpc/message.ts';

const MAX_FILE_BYTES = 64 * 1024;
const POLL_MS = 250;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
/** What a header may carry without a change on the way. */
const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** Headers that the proxy itself writes. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'last-event-id',
  'mcp-protocol-version',
  'mcp-session-id',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export type Headers = Readonly<Record<string, string>>;

async function readObject(path: string, remedy: string): Promise<JsonObject> {
  const text = await readNamedFile(path, MAX_FILE_BYTES);
  const wrong = (reason: string) => new NamedFileError(path, { reason, remedy });
  if (text.trim() === '') throw wrong('is empty');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong('is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong('is JSON, but not an object');
  return value as JsonObject;
}

/**
 * Reads a file of headers. Errors never quote a value.
 * @throws NamedFileError when it cannot be read, or holds something that cannot be a header
 */
export async function readHeaders(path: string): Promise<Headers> {
  const remedy = 'Write it as {"Authorization": "Bearer …"}; {} is no header at all.';
  const wrong = (reason: string) => new NamedFileError(path, { reason, remedy });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(await readObject(path, remedy))) {
    const shown = JSON.stringify(name.slice(0, 64));
    const lower = name.toLowerCase();
    if (!HEADER_NAME.test(name)) throw wrong(`has ${shown}, which cannot name a header`);
    if (lower === 'host')
      throw wrong('has the header Host, which is set by UPSTREAM_HOST instead of here');
    if (OWN_HEADERS.has(lower)) throw wrong(`has the header ${name}, which the proxy writes`);
    if (lower in headers) throw wrong(`has the header ${name} twice`);
    if (typeof value !== 'string' || !HEADER_VALUE.test(value))
      throw wrong(`has a value for ${name} that is not one line of visible characters`);
    headers[lower] = value;
  }
  return headers;
}

/**
 * Reads a file of tool arguments.
 * @throws NamedFileError when it cannot be read or is not a JSON object
 */
export const readArguments = (path: string): Promise<JsonObject> =>
  readObject(path, 'Write it as {"name of an argument": its value}; {} is no argument at all.');

/** Every text in a JSON value. */
export function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}

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
