/** Catalog nodes in the shapes of the REST API (DAC/api: Source, Folder, Home, Dataset, File, CatalogItem). */
import { type CatalogNode, type Container, type Dataset, isContainer } from './model.ts';

const isoTime = (ms: number): string => new Date(ms).toISOString();
const HOUR_MS = 3_600_000;

const CONTAINER_TYPES = {
  home: 'HOME',
  source: 'SOURCE',
  folder: 'FOLDER',
  system: 'SOURCE',
} as const;
const DATASET_TYPES = { table: 'PROMOTED', view: 'VIRTUAL', 'system-table': 'DIRECT' } as const;

/** A node as it is listed in its parent. */
export function childItem(node: CatalogNode): object {
  const { id, path, tag } = node;
  if (node.kind === 'file') return { id, path, type: 'FILE' };
  if (isContainer(node))
    return { id, path, tag, type: 'CONTAINER', containerType: CONTAINER_TYPES[node.kind] };
  const createdAt = isoTime(node.createdAt);
  return { id, path, tag, type: 'DATASET', datasetType: DATASET_TYPES[node.kind], createdAt };
}

function datasetEntity(node: Dataset): object {
  const virtual = node.kind === 'view';
  return {
    entityType: 'dataset',
    id: node.id,
    type: virtual ? 'VIRTUAL_DATASET' : 'PHYSICAL_DATASET',
    path: node.path,
    fields: node.columns,
    createdAt: isoTime(node.createdAt),
    tag: node.tag,
    sql: node.sql,
    sqlContext: virtual ? node.path.slice(0, 1) : undefined,
    format:
      node.kind === 'table'
        ? {
            type: 'Text',
            ctime: 0,
            isFolder: false,
            location: `/${node.path.slice(1).join('/')}`,
            fieldDelimiter: ',',
            skipFirstLine: false,
            extractHeader: true,
            quote: '"',
            comment: '#',
            escape: '"',
            lineDelimiter: '\n',
            autoGenerateColumnNames: true,
            trimHeader: true,
          }
        : undefined,
    approximateStatisticsAllowed: virtual ? undefined : false,
  };
}

/** A source has a name and no path; clients tell it from a folder by that. */
function sourceEntity(node: Container): object {
  return {
    entityType: 'source',
    id: node.id,
    name: node.path[0],
    type: node.kind === 'system' ? 'ESYS' : 'S3',
    tag: node.tag,
    createdAt: isoTime(node.createdAt),
    config:
      node.kind === 'system'
        ? {}
        : {
            externalBucketList: node.children.flatMap((child) => child.path.slice(-1)),
            credentialType: 'NONE',
            secure: false,
            propertyList: [],
          },
    metadataPolicy: {
      authTTLMs: 24 * HOUR_MS,
      namesRefreshMs: HOUR_MS,
      datasetRefreshAfterMs: HOUR_MS,
      datasetExpireAfterMs: 3 * HOUR_MS,
      datasetUpdateMode: 'PREFETCH_QUERIED',
      deleteUnavailableDatasets: true,
      autoPromoteDatasets: false,
    },
    accelerationGracePeriodMs: 3 * HOUR_MS,
    accelerationRefreshPeriodMs: HOUR_MS,
    accelerationNeverExpire: false,
    accelerationNeverRefresh: false,
    state: { status: 'good', suggestedUserAction: '', messages: [] },
    children: node.children.map(childItem),
  };
}

/** A node as `GET /api/v3/catalog/{id}` answers it. */
export function entityOf(node: CatalogNode): object {
  const { id, path, tag } = node;
  if (node.kind === 'file') return { entityType: 'file', id, path };
  if (!isContainer(node)) return datasetEntity(node);
  const children = node.children.map(childItem);
  switch (node.kind) {
    case 'folder':
      return { entityType: 'folder', id, path, tag, children };
    case 'home':
      return { entityType: 'home', id, name: path[0], tag, children };
    default:
      return sourceEntity(node);
  }
}
