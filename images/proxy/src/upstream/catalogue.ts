/**
 * The lists that a server answers the same to everyone: asked for once, kept as bytes until the server says that
 * they changed. Only first pages, which most servers never go beyond.
 */
import { createHash } from 'node:crypto';
import type { ClientRequest } from '../jsonrpc/message.ts';
import { resultSpan, type ServerResponse } from '../jsonrpc/server-message.ts';

/** Lists by method, with the notification that says that they changed. */
const CHANGES: Readonly<Record<string, string>> = {
  'tools/list': 'notifications/tools/list_changed',
  'prompts/list': 'notifications/prompts/list_changed',
  'resources/list': 'notifications/resources/list_changed',
  'resources/templates/list': 'notifications/resources/list_changed',
};

/** Notifications that concern every client of a server. */
export const LIST_CHANGES: ReadonlySet<string> = new Set(Object.values(CHANGES));

/** The notification that a list changed, as a server sends it. */
export const changeOf = (method: string): string | undefined => CHANGES[method];

/** True for a request that every client asks in the same way: a list from its beginning. */
export function isFirstPage({ method, params, progressToken }: ClientRequest): boolean {
  if (!(method in CHANGES) || progressToken) return false;
  return Object.keys(params).every((key) => key === '_meta');
}

/** How long lists hold of which a server does not say that they changed. */
export interface Freshness {
  /** In milliseconds. */
  now(): number;
  /** In milliseconds; infinite when the server would say so. */
  lifeOf(method: string): number;
}

const UNTIL_CHANGED: Freshness = { now: () => 0, lifeOf: () => Number.POSITIVE_INFINITY };

type List = Promise<ServerResponse | undefined>;

interface Entry {
  readonly list: List;
  readonly since: number;
  given?: ServerResponse;
}

/** The lists of one child, or of one session with a remote server. */
export class Catalogue {
  readonly #freshness: Freshness;
  readonly #lists = new Map<string, Entry>();

  constructor(freshness = UNTIL_CHANGED) {
    this.#freshness = freshness;
  }

  /** The list, or undefined when nobody asked for it yet. */
  known(method: string): List | undefined {
    return this.#fresh(method)?.list;
  }

  /** The list if the server has given it already. */
  given(method: string): ServerResponse | undefined {
    return this.#fresh(method)?.given;
  }

  /** Keeps what the server is just being asked for; all who ask meanwhile get the same answer. */
  fill(method: string, list: List): void {
    const entry: Entry = { list, since: this.#freshness.now() };
    this.#lists.set(method, entry);
    void list.then((response) => {
      // An error, or no answer, is nobody else's.
      const failed = response === undefined || response.failed;
      if (!failed) entry.given = response;
      else if (this.#lists.get(method) === entry) this.#lists.delete(method);
    });
  }

  /** Forgets the lists of which the server says that they changed. */
  changed(notification: string): void {
    for (const [method, name] of Object.entries(CHANGES))
      if (name === notification) this.#lists.delete(method);
  }

  /** Forgets all: what changed may have been missed. */
  clear(): void {
    this.#lists.clear();
  }

  #fresh(method: string): Entry | undefined {
    const entry = this.#lists.get(method);
    if (!entry) return undefined;
    const age = this.#freshness.now() - entry.since;
    // A clock that was set back tells no age.
    return age >= 0 && age < this.#freshness.lifeOf(method) ? entry : undefined;
  }
}

/** What was offered last, to see whether another start of the server offers something else. */
export class Offered {
  /** By list; undefined while clients know that it is no longer what they have seen. */
  readonly #digests = new Map<string, string | undefined>();

  /** Lists that clients have seen. */
  methods(): string[] {
    return [...this.#digests.keys()];
  }

  /** True when clients have seen another list than this one. */
  differs(method: string, { bytes }: ServerResponse): boolean {
    const span = resultSpan(bytes);
    const digest = createHash('sha256')
      .update(span ? bytes.subarray(span.start, span.end) : bytes)
      .digest('base64');
    const before = this.#digests.get(method);
    this.#digests.set(method, digest);
    return before !== undefined && before !== digest;
  }

  /** The server has said itself that these lists changed. */
  told(notification: string): void {
    for (const [method, name] of Object.entries(CHANGES))
      if (name === notification && this.#digests.has(method)) this.#digests.set(method, undefined);
  }
}
