/** Look-ups in the catalog: by path, by id, and what is missing on the way to an object. */
import type { MissingObject } from '../sql/error-text.ts';
import { type CatalogNode, type Container, type Dataset, isContainer, isDataset } from './model.ts';

/** Paths compare without regard to case, as names do in Dremio. */
const sameName = (left: string | undefined, right: string | undefined): boolean =>
  left?.toLowerCase() === right?.toLowerCase();

export class Catalog {
  #roots: Container[] = [];

  add(root: Container): void {
    this.#roots = [...this.#roots, root];
  }

  get roots(): readonly Container[] {
    return this.#roots;
  }

  /** Every node, parents before their children. */
  *nodes(under: readonly CatalogNode[] = this.#roots): Generator<CatalogNode> {
    for (const node of under) {
      yield node;
      if (isContainer(node)) yield* this.nodes(node.children);
    }
  }

  *containers(): Generator<Container> {
    for (const node of this.nodes()) if (isContainer(node)) yield node;
  }

  *datasets(): Generator<Dataset> {
    for (const node of this.nodes()) if (isDataset(node)) yield node;
  }

  byId(id: string): CatalogNode | undefined {
    return this.nodes().find((node) => node.id === id);
  }

  byPath(path: readonly string[]): CatalogNode | undefined {
    const { node, depth } = this.#walk(path);
    return depth === path.length ? node : undefined;
  }

  /** Goes as far down a path as there are nodes. */
  #walk(path: readonly string[]): { node: CatalogNode | undefined; depth: number } {
    let level: readonly CatalogNode[] = this.#roots;
    let node: CatalogNode | undefined;
    for (const [depth, name] of path.entries()) {
      const next = level.find((child) => sameName(child.path.at(-1), name));
      if (!next) return { node, depth };
      node = next;
      level = isContainer(next) ? next.children : [];
    }
    return { node, depth: path.length };
  }

  /** What is missing on the way to a dataset; undefined when it is there. */
  missing(path: readonly string[]): MissingObject | undefined {
    const { node, depth } = this.#walk(path);
    if (depth === path.length && node && isDataset(node)) return undefined;
    const at = Math.min(depth, path.length - 1);
    return { name: path[at] ?? '', within: at === 0 ? [] : (node?.path.slice(0, at) ?? []) };
  }
}
