/** `/api/v3/catalog` (CatalogResource.java, CollaborationResource.java). */
import { json, refuse } from '../http/answer.ts';
import { jsonObject, textField } from '../http/body.ts';
import type { Call, Route } from '../http/route.ts';
import type { Catalog } from './catalog.ts';
import { type Collaboration, ConflictError } from './collaboration.ts';
import { childItem, entityOf } from './entities.ts';
import { type CatalogNode, isDataset } from './model.ts';

export interface CatalogRouteParts {
  readonly catalog: Catalog;
  readonly collaboration: Collaboration;
}

/** What a node's tags and wiki belong to. @throws Refusal 400 for an id that no entity has. */
function entityForNotes({ catalog }: CatalogRouteParts, { params }: Call): CatalogNode {
  const id = params.id ?? '';
  const node = catalog.byId(id);
  if (!node || node.kind === 'file') throw refuse(400, `Could not find entity with id [${id}].`);
  return node;
}

function entityForTags(parts: CatalogRouteParts, call: Call): CatalogNode {
  const node = entityForNotes(parts, call);
  if (!isDataset(node))
    throw refuse(
      400,
      `Labels can only be set on tables and views but found [${node.kind.toUpperCase()}].`,
    );
  return node;
}

/** Runs a change whose version may be out of date. */
function change<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ConflictError) throw refuse(409, error.message);
    throw error;
  }
}

const root =
  ({ catalog }: CatalogRouteParts) =>
  (call: Call) => {
    const home = `@${call.user?.userName}`;
    const visible = catalog.roots.filter(
      ({ kind, path }) => kind === 'source' || (kind === 'home' && path[0] === home),
    );
    return json(200, { data: visible.map(childItem) });
  };

const byPath =
  ({ catalog }: CatalogRouteParts) =>
  (call: Call) => {
    const node = catalog.byPath(call.rest);
    if (!node) throw refuse(404, `Could not find entity with path [${call.rest.join(', ')}]`);
    return json(200, entityOf(node));
  };

const byId =
  ({ catalog }: CatalogRouteParts) =>
  (call: Call) => {
    const id = call.params.id ?? '';
    const node = catalog.byId(id);
    if (!node) throw refuse(404, `Could not find entity with id [${id}]`);
    return json(200, entityOf(node));
  };

const setWiki = (parts: CatalogRouteParts) => (call: Call) => {
  const { id } = entityForNotes(parts, call);
  const body = jsonObject(call);
  const text = textField(body, 'text');
  if (text === undefined) throw refuse(400, 'The field "text" is required');
  return json(
    200,
    change(() => parts.collaboration.setWiki(id, text, body.version)),
  );
};

const setTags = (parts: CatalogRouteParts) => (call: Call) => {
  const { id } = entityForTags(parts, call);
  const { tags, version } = jsonObject(call);
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string'))
    throw refuse(400, 'The field "tags" must be a list of strings');
  return json(
    200,
    change(() => parts.collaboration.setTags(id, tags, version)),
  );
};

export function catalogRoutes(parts: CatalogRouteParts): Route[] {
  const { collaboration } = parts;
  const catalog = '/api/v3/catalog';
  const tag = `${catalog}/:id/collaboration/tag`;
  const wiki = `${catalog}/:id/collaboration/wiki`;
  const access = 'token';
  return [
    { method: 'GET', path: catalog, access, handle: root(parts) },
    { method: 'GET', path: `${catalog}/by-path/*path`, access, handle: byPath(parts) },
    { method: 'GET', path: `${catalog}/:id`, access, handle: byId(parts) },
    {
      method: 'GET',
      path: tag,
      access,
      handle: (call) => json(200, collaboration.tags(entityForTags(parts, call))),
    },
    { method: 'POST', path: tag, access, handle: setTags(parts) },
    {
      method: 'GET',
      path: wiki,
      access,
      handle: (call) => json(200, collaboration.wiki(entityForNotes(parts, call))),
    },
    { method: 'POST', path: wiki, access, handle: setWiki(parts) },
  ];
}
