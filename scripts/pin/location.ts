import type { ImageReference } from '../../infra/image-lock.ts';

/** Where a registry has an image. */
export interface ImageLocation {
  /** `host[:port]` as users know it; `docker.io` for Docker Hub. */
  readonly registry: string;
  /** Where its API answers. */
  readonly origin: string;
  /** Path in the registry. */
  readonly repository: string;
  readonly tag: string;
}

const DOCKER_HUB = 'docker.io';
/** Docker Hub answers under another name than it is called (distribution/reference: normalize.go; moby registry/config.go). */
const HUB_NAMES = [DOCKER_HUB, 'index.docker.io', 'registry-1.docker.io'];
const HUB_ORIGIN = 'https://registry-1.docker.io';

export function locate({
  registry = DOCKER_HUB,
  path,
  tag = 'latest',
}: ImageReference): ImageLocation {
  const host = registryName(registry);
  const hub = host === DOCKER_HUB;
  return {
    registry: host,
    origin: hub ? HUB_ORIGIN : `${isLoopback(hostOf(host)) ? 'http' : 'https'}://${host}`,
    repository: hub && !path.includes('/') ? `library/${path}` : path,
    tag,
  };
}

/** One name for each registry, from what references, `registry` and Docker's own config call it. */
export function registryName(text: string): string {
  const host =
    text
      .replace(/^https?:\/\//, '')
      .split('/')[0]
      ?.toLowerCase() ?? '';
  return HUB_NAMES.includes(host) ? DOCKER_HUB : host;
}

const hostOf = (registry: string) => registry.replace(/:\d+$/, '');

/** Whether a host is this machine, the only one that is spoken to without TLS, as Docker does. */
export const isLoopback = (host: string) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host);
