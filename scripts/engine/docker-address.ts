import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the Docker engine is, and what says so. */
export interface DockerAddress {
  /** `unix:///…`, `tcp://host:port`, `ssh://user@host`. */
  readonly url: string;
  readonly from: 'docker:host' | 'DOCKER_HOST' | 'docker context' | 'default';
}

export const DEFAULT_SOCKET = 'unix:///var/run/docker.sock';

/** Finds the engine in the order in which Pulumi's provider does: the stack's `docker:host`, DOCKER_HOST, the default socket. */
export function dockerAddress(
  configured: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): DockerAddress {
  if (configured !== undefined && configured !== '')
    return { url: configured, from: 'docker:host' };
  const named = environment.DOCKER_HOST;
  if (named !== undefined && named !== '') return { url: named, from: 'DOCKER_HOST' };
  return { url: DEFAULT_SOCKET, from: 'default' };
}

/**
 * The engine that the docker command uses by its current context (Docker Desktop, Colima, rootless Docker), which
 * the Pulumi provider does not read. `undefined` when none is chosen.
 */
export function dockerContextAddress(
  environment: Readonly<Record<string, string | undefined>>,
): DockerAddress | undefined {
  try {
    const folder = environment.DOCKER_CONFIG ?? join(homedir(), '.docker');
    const name =
      environment.DOCKER_CONTEXT ??
      JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')).currentContext;
    if (typeof name !== 'string' || name === '' || name === 'default') return undefined;
    const id = createHash('sha256').update(name).digest('hex');
    const meta = JSON.parse(
      readFileSync(join(folder, 'contexts', 'meta', id, 'meta.json'), 'utf8'),
    );
    const url = meta.Endpoints?.docker?.Host;
    return typeof url === 'string' ? { url, from: 'docker context' } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the engine runs on another machine, so that its loopback ports are not ours. */
export function isRemote(address: DockerAddress): boolean {
  if (address.url.startsWith('unix:')) return false;
  const host = URL.canParse(address.url) ? new URL(address.url).hostname : '';
  return !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(host);
}
