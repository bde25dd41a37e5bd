/** Images of nothing, as a registry keeps them: content, and the digest that names it. */
import { createHash } from 'node:crypto';

export interface Content {
  readonly mediaType: string;
  readonly body: Buffer;
  readonly digest: string;
}

export interface ImageContent {
  readonly config: Content;
  readonly manifest: Content;
}

export const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

export function content(mediaType: string, value: unknown): Content {
  const body = Buffer.from(JSON.stringify(value));
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
  return { mediaType, body, digest };
}

const descriptor = ({ mediaType, body, digest }: Content) => ({
  mediaType,
  digest,
  size: body.length,
});

/** An image without layers for one platform (OCI image-spec); another `author`, another image. */
export function imageFor(platform: string, author = 'test'): ImageContent {
  const [os = '', architecture = ''] = platform.split('/');
  const config = content(CONFIG, {
    author,
    os,
    architecture,
    rootfs: { type: 'layers', diff_ids: [] },
    config: {},
  });
  const manifest = content(MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptor(config),
    layers: [],
  });
  return { config, manifest };
}

/** An index of images by platform. */
export function indexOf(images: Readonly<Record<string, ImageContent>>): Content {
  const manifests = Object.entries(images).map(([platform, { manifest }]) => {
    const [os, architecture] = platform.split('/');
    return { ...descriptor(manifest), platform: { os, architecture } };
  });
  return content(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests });
}
