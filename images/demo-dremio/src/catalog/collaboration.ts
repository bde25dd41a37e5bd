/** Wikis and tags of catalog entities, with the version check that Dremio makes (CollaborationHelper.java). */
import { randomUUID } from 'node:crypto';
import { type CatalogNode, isDataset } from './model.ts';

/** The caller changed something other than the newest version. */
export class ConflictError extends Error {}

export interface Wiki {
  readonly text: string;
  readonly version?: number;
}

export interface Tags {
  readonly tags: readonly string[];
  readonly version?: string;
}

const requireVersion = (given: unknown, stored: unknown): void => {
  if ((given ?? undefined) !== stored)
    throw new ConflictError(
      `The provided version [${given ?? null}] does not match the stored version [${stored ?? null}].`,
    );
};

/** What is not stored yet is what the catalog came with. */
export class Collaboration {
  readonly #wikis = new Map<string, Wiki>();
  readonly #tags = new Map<string, Tags>();
  readonly #find: (id: string) => CatalogNode | undefined;

  constructor(find: (id: string) => CatalogNode | undefined) {
    this.#find = find;
  }

  wiki({ id, wiki }: CatalogNode): Wiki {
    return this.#wikis.get(id) ?? (wiki === undefined ? { text: '' } : { text: wiki, version: 0 });
  }

  tags(node: CatalogNode): Tags {
    const stored = this.#tags.get(node.id);
    if (stored) return stored;
    const labels = isDataset(node) ? node.labels : [];
    return labels.length > 0 ? { tags: labels, version: node.tag } : { tags: [] };
  }

  /** @throws ConflictError unless `version` is that of the newest wiki, or absent when there is none. */
  setWiki(id: string, text: string, version: unknown): Wiki {
    const node = this.#find(id);
    const stored = node && this.wiki(node).version;
    requireVersion(version, stored);
    const wiki = { text, version: stored === undefined ? 0 : stored + 1 };
    this.#wikis.set(id, wiki);
    return wiki;
  }

  /** @throws ConflictError unless `version` is that of the newest tags, or absent when there are none. */
  setTags(id: string, tags: readonly string[], version: unknown): Tags {
    const node = this.#find(id);
    requireVersion(version, node && this.tags(node).version);
    const stored = { tags: [...tags], version: randomUUID() };
    this.#tags.set(id, stored);
    return stored;
  }
}
