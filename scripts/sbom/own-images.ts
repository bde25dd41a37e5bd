import type Docker from 'dockerode';

/** An image of this repository that a stack has on its engine. */
export interface OwnImage {
  /** As its folder in images/. */
  readonly name: string;
  /** `sha256:…` */
  readonly id: string;
}

/** Every image that is built here has this label, with its name in it (images/…/Dockerfile). */
const TITLE = 'org.opencontainers.image.title';

type Listed = Pick<Docker.ImageInfo, 'Id' | 'RepoTags' | 'Labels'>;

/** The images of a stack, by name: tagged with the stack, wherever they are pushed to, and titled as ours. */
export async function ownImages(docker: Docker, stack: string): Promise<OwnImage[]> {
  return imagesOf(await docker.listImages({ filters: { label: [TITLE] } }), stack);
}

export function imagesOf(listed: readonly Listed[], stack: string): OwnImage[] {
  const ids = new Map<string, string>();
  for (const { Id, RepoTags, Labels } of listed) {
    if (!Labels?.[TITLE]?.startsWith('lakehouse-mcp ')) continue;
    for (const tag of RepoTags ?? []) {
      const [, name, version] = /([^/:]+):([^/:]+)$/.exec(tag) ?? [];
      if (name !== undefined && version === stack) ids.set(name, Id);
    }
  }
  return [...ids].map(([name, id]) => ({ name, id })).sort((a, b) => (a.name < b.name ? -1 : 1));
}
