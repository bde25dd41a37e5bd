import Docker from 'dockerode';
import { CommandError, EXIT } from './command-error.ts';
import { commandFor } from './command-words.ts';
import { readPassphrase } from './config/passphrase.ts';
import { StackConfig } from './config/stack-config.ts';
import { openDeployment } from './engine/choose.ts';
import type { Deployment, StackOutput } from './engine/deployment.ts';
import { type DockerAddress, dockerAddress, isRemote } from './engine/docker-address.ts';
import { type Engine, findEngine, requireEngine } from './engine/docker-engine.ts';
import { type Endpoint, resolvable } from './mcp/endpoint.ts';
import { platformOf, runningStack } from './stack/platform.ts';
import type { RunningStack } from './stack/running.ts';
import { isKnownStack, type StackFiles, stackFiles } from './stack/stack-files.ts';
import type { Display } from './terminal/tasks.ts';

/** What the commands that look at a deployed stack work with. */
export interface Session {
  readonly files: StackFiles;
  readonly config: StackConfig;
  readonly passphrase: string;
  readonly engine: Engine;
  readonly docker: Docker;
  readonly running: RunningStack;
}

/** Opens a stack that is there already, and its Docker engine; installs, makes and changes nothing. */
export async function openSession(project: string, stack: string): Promise<Session> {
  const files = stackFiles(project, stack);
  if (!isKnownStack(files)) throw notDeployed(files);
  const passphrase = (await readPassphrase(files, process.env, { make: false })) ?? '';
  const config = await StackConfig.read(files, passphrase);
  const engine = requireEngine(
    await findEngine(dockerAddress(config.get('docker:host'), process.env)),
  );
  const docker = new Docker(engine.options);
  const running = runningStack(docker, stack, platformOf(config));
  return { files, config, passphrase, engine, docker, running };
}

/** The stack's engine of deployment. @throws CommandError when it was never deployed. */
export async function requireDeployment(
  { files, passphrase, engine }: Session,
  display: Display,
  signal: AbortSignal,
): Promise<Deployment> {
  const docker = engine.options;
  const found = await openDeployment({ files, passphrase, docker, display, signal });
  if (found === undefined) throw notDeployed(files);
  return found;
}

export function notDeployed({ stack }: StackFiles): CommandError {
  return new CommandError(`The stack "${stack}" is not deployed here.`, {
    exitCode: EXIT.notReady,
    advice: [`Deploy it: ${commandFor(stack, 'up')}`],
  });
}

export interface Access extends Endpoint {
  /** Of the first client. */
  readonly key: string;
}

/** URL, key and authority out of a stack's outputs. @throws CommandError when they are not there. */
export function accessOf(
  outputs: Readonly<Record<string, StackOutput>>,
  files: StackFiles,
): Access {
  const url = outputs.mcpUrl?.value;
  const keys = outputs.mcpKeys?.value;
  const ca = outputs.caCertificate?.value;
  const [key] = typeof keys === 'object' && keys !== null ? Object.values(keys) : [];
  if (typeof url !== 'string' || typeof key !== 'string') throw notDeployed(files);
  return { url, key, ...(typeof ca === 'string' ? { ca } : {}) };
}

/**
 * How the URL is called from this machine; `undefined` where it cannot be: plain containers publish it on the
 * loopback address of the engine's machine alone.
 */
export async function fromHere<E extends Endpoint>(
  access: E,
  { platform }: Pick<RunningStack, 'platform'>,
  address: DockerAddress,
): Promise<E | undefined> {
  if (platform === 'containers') return isRemote(address) ? undefined : access;
  const machine = isRemote(address) ? new URL(address.url).hostname : '127.0.0.1';
  return { ...access, ...(await resolvable(access, machine)) };
}
