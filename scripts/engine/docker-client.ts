import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { CommandError, EXIT } from '../command-error.ts';
import type { DockerAddress } from './docker-address.ts';
import { SshAgent } from './ssh-engine.ts';

/** What dockerode takes; its types leave out the agent that makes its connections. */
export type EngineOptions = Docker.DockerOptions & { readonly agent?: SshAgent };

/**
 * How dockerode reaches an engine. TLS as the docker command has it: DOCKER_TLS_VERIFY with the files of DOCKER_CERT_PATH.
 * @throws CommandError when the address has a form that is not known.
 */
export function dockerOptions(
  address: DockerAddress,
  environment: Readonly<Record<string, string | undefined>>,
): EngineOptions {
  if (address.url.startsWith('unix://'))
    // dockerode fills what is left out from DOCKER_HOST, which need not be the engine that is meant here.
    return { ...NO_HOST, socketPath: address.url.slice('unix://'.length), protocol: 'http' };
  const url = URL.canParse(address.url) ? new URL(address.url) : undefined;
  const host = url?.hostname.replace(/^\[|\]$/g, '') ?? '';
  // The name that HTTP shows to the engine has no meaning; the agent's connections lead to one engine.
  if (url?.protocol === 'ssh:')
    return { protocol: 'http', host: 'docker', port: 80, agent: new SshAgent(address.url) };
  if (url === undefined || !['tcp:', 'http:', 'https:'].includes(url.protocol))
    throw new CommandError(
      `${address.from} says "${address.url}", which is no address of a Docker engine.`,
      {
        exitCode: EXIT.usage,
        advice: [
          'It must look like unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host.',
        ],
      },
    );
  if (url.protocol === 'https:' || environment.DOCKER_TLS_VERIFY) {
    const folder = environment.DOCKER_CERT_PATH ?? join(homedir(), '.docker');
    const pem = (name: string) => readFileSync(join(folder, name), 'utf8');
    return {
      protocol: 'https',
      host,
      port: Number(url.port) || 2376,
      ca: pem('ca.pem'),
      cert: pem('cert.pem'),
      key: pem('key.pem'),
    };
  }
  return { protocol: 'http', host, port: Number(url.port) || 2375 };
}

const NO_HOST = { host: undefined } as unknown as Docker.DockerOptions;

export interface EngineFacts {
  readonly version: string;
  readonly apiVersion: string;
  /** Platform of its images: `linux/amd64`, `linux/arm64`. */
  readonly platform: string;
}

/** Asks an engine who it is; fails when it does not answer within `timeoutMs`. */
export async function askEngine(
  options: Docker.DockerOptions,
  timeoutMs: number,
): Promise<EngineFacts> {
  const docker = new Docker({ ...options, timeout: timeoutMs });
  const { Version, ApiVersion, Os, Arch } = await docker.version();
  return { version: Version, apiVersion: ApiVersion, platform: `${Os}/${Arch}` };
}
