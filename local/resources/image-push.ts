/** Puts an image into a registry, through the engine. */

import type Dockerode from 'dockerode';
import { messageOf } from '../engine-error.ts';
import { RunnerError } from '../errors.ts';
import { jsonLines } from '../json-lines.ts';

/** The provider's `registry` input (pulumi/pulumi-docker, Registry). */
export interface Registry {
  /** `host[:port]`, with or without a scheme or a path behind it. */
  server: string;
  username?: string;
  password?: string;
}

/** One message of the stream that POST /images/{name}/push answers with. */
interface PushEvent {
  status?: string;
  error?: string;
  aux?: { Digest?: string };
}

/** Throws a RunnerError when the registry refuses the credentials, or does not answer. */
export async function checkLogin(docker: Dockerode, registry: Registry): Promise<void> {
  if (registry.username === undefined) return;
  try {
    await docker.checkAuth(credentials(registry));
  } catch (error) {
    throw refusal(`The login as "${registry.username}" at`, registry, messageOf(error));
  }
}

/** Pushes an image that is on the engine; returns its digest in the registry, `sha256:…`. */
export async function pushImage(
  docker: Dockerode,
  imageName: string,
  registry: Registry,
  progress: (message: string) => void,
): Promise<string> {
  progress(`pushing to ${hostOf(registry.server)}`);
  let digest: string | undefined;
  try {
    const stream = await docker.getImage(imageName).push({ authconfig: credentials(registry) });
    for await (const event of jsonLines<PushEvent>(stream)) {
      if (event.error !== undefined) throw new Error(event.error);
      digest = event.aux?.Digest ?? digest;
    }
  } catch (error) {
    throw refusal(`The push of "${imageName}" to`, registry, messageOf(error));
  }
  if (digest === undefined) {
    throw refusal(`The push of "${imageName}" to`, registry, 'it said no digest');
  }
  return digest;
}

/** `host[:port]` of a server as users write it. */
export function hostOf(server: string): string {
  return server.replace(/^https?:\/\//, '').split('/')[0] ?? server;
}

/** The name of an image without its tag. */
export function repositoryOf(imageName: string): string {
  return imageName.replace(/:[^/:]*$/, '');
}

function credentials({ server, username, password }: Registry) {
  return {
    serveraddress: hostOf(server),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

function refusal(what: string, { server }: Registry, said: string): RunnerError {
  return new RunnerError(
    `${what} the registry ${hostOf(server)} failed: ${said}. Check the settings registry, registryUsername ` +
      'and registryPassword (pulumi config set registryUsername …, pulumi config set --secret registryPassword).',
  );
}
