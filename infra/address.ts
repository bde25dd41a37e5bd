import { HOST_NAME } from './platform/platform.ts';

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * A URL as containers must call it. A loopback address would mean the container itself, so it becomes the name of
 * the machine's gateway; everything else stays. The URL comes back without its final slash.
 */
export function fromContainers(url: URL): { url: string; onHost: boolean } {
  const onHost = LOOPBACK.test(url.hostname);
  const seen = new URL(url);
  if (onHost) seen.hostname = HOST_NAME;
  return { url: seen.href.replace(/\/$/, ''), onHost };
}
