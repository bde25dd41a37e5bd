/** What only the Enterprise edition has: lineage and search, in the least form that clients can use. */
import { json, refuse } from '../http/answer.ts';
import { jsonObject, textField } from '../http/body.ts';
import type { Call, Route } from '../http/route.ts';
import { childItem } from './entities.ts';
import { type Dataset, isDataset } from './model.ts';
import type { CatalogRouteParts } from './routes.ts';

const DEFAULT_MAX_RESULTS = 50;

const samePath = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length && left.every((part, index) => part === right[index]);

/** Sources, parents and children of a dataset. */
const graph =
  ({ catalog }: CatalogRouteParts) =>
  (call: Call) => {
    const id = call.params.id ?? '';
    const node = catalog.byId(id);
    if (!node) throw refuse(404, `Could not find entity with id [${id}]`);
    if (!isDataset(node)) throw refuse(400, `Can not get the graph of entity with id [${id}]`);
    const parents = node.parents ?? [];
    const readers = [...catalog.datasets()].filter((dataset) =>
      dataset.parents?.some((path) => samePath(path, node.path)),
    );
    const roots = [node.path, ...parents].map((path) => path[0]);
    const sources = catalog.roots.filter(
      ({ kind, path }) => (kind === 'source' || kind === 'home') && roots.includes(path[0]),
    );
    return json(200, {
      sources: sources.map((source) => ({
        ...childItem(source),
        createdAt: new Date(source.createdAt).toISOString(),
      })),
      parents: parents.flatMap((path) => catalog.byPath(path) ?? []).map(childItem),
      children: readers.map(childItem),
    });
  };

const CATEGORIES = { table: 'TABLE', view: 'VIEW', 'system-table': 'TABLE' } as const;

/** Tables and views whose path, columns, labels or wiki contain the text. */
const search =
  ({ catalog, collaboration }: CatalogRouteParts) =>
  (call: Call) => {
    const body = jsonObject(call);
    const query = (textField(body, 'query') ?? '').toLowerCase();
    const filter = textField(body, 'filter') ?? '';
    const wanted = [...filter.matchAll(/"([A-Z]+)"/g)].map(([, category]) => category);
    const { maxResults = DEFAULT_MAX_RESULTS } = body;
    if (typeof maxResults !== 'number' || !(maxResults >= 0))
      throw refuse(400, 'The field "maxResults" must be a number of 0 or more');
    const found = (dataset: Dataset): boolean =>
      [
        ...dataset.path,
        ...dataset.columns.map(({ name }) => name),
        ...collaboration.tags(dataset).tags,
        collaboration.wiki(dataset).text,
      ].some((text) => text.toLowerCase().includes(query));
    const results = [...catalog.datasets()]
      .filter(({ kind }) => kind !== 'system-table')
      .filter(({ kind }) => wanted.length === 0 || wanted.includes(CATEGORIES[kind]))
      .filter(found)
      .slice(0, maxResults)
      .map((dataset) => ({
        category: CATEGORIES[dataset.kind],
        catalogObject: {
          id: dataset.id,
          path: dataset.path,
          type: dataset.kind === 'view' ? 'VIRTUAL_DATASET' : 'PHYSICAL_DATASET',
          labels: collaboration.tags(dataset).tags,
          wiki: collaboration.wiki(dataset).text,
          createdAt: new Date(dataset.createdAt).toISOString(),
        },
      }));
    return json(200, { results });
  };

export const enterpriseRoutes = (parts: CatalogRouteParts): Route[] => [
  { method: 'GET', path: '/api/v3/catalog/:id/graph', access: 'token', handle: graph(parts) },
  { method: 'POST', path: '/api/v3/search', access: 'token', handle: search(parts) },
];
