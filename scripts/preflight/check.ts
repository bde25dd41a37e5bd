import type Docker from 'dockerode';
import { CommandError } from '../command-error.ts';
import type { StackConfig } from '../config/stack-config.ts';
import { recordedEngine } from '../engine/choose.ts';
import { isRemote } from '../engine/docker-address.ts';
import type { Engine } from '../engine/docker-engine.ts';
import { findLeftovers } from '../stack/leftovers.ts';
import type { Display } from '../terminal/tasks.ts';
import { diskProblem, engineDiskFree } from './disk.ts';
import {
  type DremioLogin,
  type LoginOutcome,
  loginProblem,
  loginSuccess,
  tryLogin,
} from './dremio.ts';
import { checkPort } from './port.ts';
import { isLoopbackOnly, socketTables } from './port-owner.ts';

export interface CheckOptions {
  readonly config: StackConfig;
  readonly docker: Docker;
  readonly engine: Engine;
  readonly display: Display;
}

/**
 * Looks for what would make a deployment fail late and in other people's words: disk, port, Dremio.
 * @throws CommandError with the first problem
 */
export async function check({ config, docker, engine, display }: CheckOptions): Promise<void> {
  const task = display.task('Checks');
  try {
    task.progress('disk space');
    const warning = diskProblem(await engineDiskFree(docker));
    if (warning !== undefined) display.warn(warning);
    await checkOwnership(docker, config);
    task.progress('port');
    const port = Number(config.get('mcpPort'));
    const { stack } = config.files;
    if (Number.isInteger(port))
      await checkPort(docker, { port, stack, remote: isRemote(engine.address) });
    const dremio = await checkDremio({ config, docker, engine, display }, (text) =>
      task.progress(text),
    );
    task.same([`port ${port}`, ...(dremio === undefined ? [] : [dremio])].join(', '));
  } catch (error) {
    task.failed();
    throw error;
  }
}

/** A stack of this name that another folder deployed, or whose state was deleted, would be in the way at every name. */
async function checkOwnership(docker: Docker, { files }: StackConfig): Promise<void> {
  if ((await recordedEngine(files)) !== undefined) return;
  const [found] = (await findLeftovers(docker, files.stack)).containers;
  if (found === undefined) return;
  throw new CommandError(
    `The engine has a stack "${files.stack}" that this folder knows nothing about (container ${found}).`,
    {
      advice: [
        'It was deployed from another folder, or .lakehouse/ was deleted.',
        'Remove it: npm run down',
        'Or deploy beside it under another name, with a port of its own: npm run up -- --stack other --set mcpPort=…',
      ],
    },
  );
}

/** Outcomes that may pass by themselves; a stack that runs already is not kept from an update by them. */
const PASSING: ReadonlySet<LoginOutcome['kind']> = new Set([
  'failing',
  'refused',
  'timeout',
  'network',
  'unknown-host',
]);

async function checkDremio(
  { config, docker, engine, display }: CheckOptions,
  progress: (text: string) => void,
): Promise<string | undefined> {
  const login = await dremioLogin(config);
  if (login === undefined) return undefined;
  const { url } = login;
  if (config.has('dremioNetwork') || isRemote(engine.address)) {
    display.note(`Dremio at ${url} is not asked from here: only the containers can reach it.`);
    return undefined;
  }
  progress(`login to ${url}`);
  const outcome = await tryLogin(login);
  const problem = loginProblem(outcome, login) ?? (await loopbackProblem(docker, url));
  if (problem === undefined) {
    if (isLoopback(url))
      display.note(`${url} means this machine: containers reach it as host.docker.internal.`);
    return loginSuccess(outcome, login);
  }
  const deployed = (await findLeftovers(docker, config.files.stack)).containers.length > 0;
  if (!deployed || !PASSING.has(outcome.kind)) throw problem;
  display.warn(`${problem.message} Going on, since the stack is there already.`);
  return undefined;
}

/** The login that the settings name; `undefined` with the demo, or when they are not complete (the program says so). */
export async function dremioLogin(config: StackConfig): Promise<DremioLogin | undefined> {
  const url = config.get('dremioUrl');
  const username = config.get('dremioUsername');
  const password = await config.getSecret('dremioPassword');
  if (config.get('demo') === 'true' || url === undefined || !URL.canParse(url)) return undefined;
  if (username === undefined || password === undefined) return undefined;
  const ca = config.get('dremioCa');
  const createsFirstUser = config.get('dremioCreateFirstUser') === 'true';
  return { url, username, password, createsFirstUser, ...(ca === undefined ? {} : { ca }) };
}

const isLoopback = (url: string) =>
  /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);

/** A server on this machine's loopback address alone answers us and is out of reach for containers. */
export async function loopbackProblem(
  docker: Docker,
  url: string,
): Promise<CommandError | undefined> {
  const { port: given, protocol } = new URL(url);
  const port = Number(given) || (protocol === 'https:' ? 443 : 80);
  if (!isLoopback(url) || !isLoopbackOnly(socketTables(), port)) return undefined;
  // Docker Desktop forwards to the loopback address; an engine on Linux cannot.
  const { OperatingSystem: system } = (await docker.info()) as { OperatingSystem: string };
  if (/Docker Desktop/.test(system)) return undefined;
  return new CommandError(
    `Dremio at ${url} listens on the loopback address alone, which containers cannot reach.`,
    {
      advice: [
        'Let it listen on all addresses (0.0.0.0), or on the address of the Docker bridge:',
        "  docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}'",
      ],
    },
  );
}
