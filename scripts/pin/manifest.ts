/** What a registry serves under a tag: an index of several platforms, or the manifest of one. */

/** Media types of an index, Docker's and OCI's. */
const INDEXES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
const MANIFESTS = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
/** What is asked for: an index first, so that one digest serves every platform. */
export const ACCEPT = [...INDEXES, ...MANIFESTS].join(', ');

export type Manifest =
  | { readonly kind: 'index'; readonly platforms: readonly string[] }
  | { readonly kind: 'image'; readonly config: string };

interface Document {
  readonly manifests?: readonly { readonly platform?: Platform }[];
  readonly config?: { readonly digest?: string };
}
interface Platform {
  readonly os?: string;
  readonly architecture?: string;
}

/**
 * Understands a manifest (OCI image-spec image-index.md, manifest.md).
 * @returns `undefined` when it is neither kind, such as Docker's format of before 2016
 */
export function parseManifest(mediaType: string, body: Buffer): Manifest | undefined {
  const document = parseObject(body) as Document | undefined;
  const type = mediaType.split(';')[0]?.trim() ?? '';
  if (INDEXES.includes(type) && Array.isArray(document?.manifests))
    return {
      kind: 'index',
      platforms: document.manifests.map(({ platform }) => platformOf(platform)).filter(isReal),
    };
  const config = document?.config?.digest;
  if (MANIFESTS.includes(type) && typeof config === 'string') return { kind: 'image', config };
  return undefined;
}

/** The platform that the configuration of an image names (OCI image-spec config.md). */
export function platformOfConfig(body: Buffer): string {
  return platformOf(parseObject(body) as Platform | undefined);
}

const platformOf = (platform: Platform | undefined) =>
  `${platform?.os ?? 'unknown'}/${platform?.architecture ?? 'unknown'}`;

/** Attestations lie in an index too, under a platform that is none. */
const isReal = (platform: string) => platform !== 'unknown/unknown';

function parseObject(body: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
