/** Where the Docker engine is, and a first word with it. */

import Dockerode, { type DockerOptions } from 'dockerode';
import { messageOf } from './engine-error.ts';
import { RunnerError } from './errors.ts';

/** API of Docker 20.10, the oldest engine that the project is tried with. */
const oldestApi = '1.41';

/**
 * Dockerode's options for the value of `docker:host`. Throws a RunnerError for what the runner
 * does not speak, SSH and TLS among it.
 */
export function parseDockerHost(host: string): DockerOptions {
  const unix = /^unix:\/\/(\/.+)$/.exec(host);
  if (unix?.[1] !== undefined) return { socketPath: unix[1] };
  const tcp = /^(?:tcp|http):\/\/(\[[^\]]+\]|[^:/]+):(\d+)\/?$/.exec(host);
  if (tcp?.[1] !== undefined) {
    return { protocol: 'http', host: tcp[1].replace(/^\[|\]$/g, ''), port: Number(tcp[2]) };
  }
  if (host.startsWith('ssh://')) {
    // The client's own SSH would take any host key and knows nothing of ~/.ssh/config.
    throw new RunnerError(
      `docker:host is "${host}"; the local runner does not speak SSH. Deploy with the Pulumi CLI: npx pulumi up`,
    );
  }
  throw new RunnerError(
    `docker:host is "${host}"; the local runner takes unix:///path or tcp://host:port. ` +
      'For any other engine use the Pulumi CLI: npx pulumi up',
  );
}

/** A connection that is opened at first use, once. */
export function lazyDocker(options: DockerOptions | undefined): () => Promise<Dockerode> {
  let connection: Promise<Dockerode> | undefined;
  return () => {
    connection ??= connect(options);
    return connection;
  };
}

async function connect(options: DockerOptions | undefined): Promise<Dockerode> {
  const docker = new Dockerode(options);
  let version: { ApiVersion: string; Version: string };
  try {
    version = await docker.version();
  } catch (error) {
    throw new RunnerError(
      `The Docker engine does not answer: ${messageOf(error)}. ` +
        'Start it, or say where it is with DOCKER_HOST or the config key docker:host.',
    );
  }
  if (compareVersions(version.ApiVersion, oldestApi) < 0) {
    throw new RunnerError(
      `The Docker engine is version ${version.Version}; the local runner needs 20.10 or newer.`,
    );
  }
  return docker;
}

function compareVersions(a: string, b: string): number {
  const [left = [], right = []] = [a, b].map((version) => version.split('.').map(Number));
  return (left[0] ?? 0) - (right[0] ?? 0) || (left[1] ?? 0) - (right[1] ?? 0);
}
