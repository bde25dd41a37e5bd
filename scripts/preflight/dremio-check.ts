/** Whether the stack can log in to its Dremio. */
import type Docker from 'dockerode';
import { CommandError } from '../command-error.ts';
import type { StackConfig } from '../config/stack-config.ts';
import { isRemote } from '../engine/docker-address.ts';
import { findLeftovers } from '../stack/leftovers.ts';
import { platformOf } from '../stack/platform.ts';
import {
  type DremioLogin,
  type LoginOutcome,
  loginProblem,
  loginSuccess,
  tryLogin,
} from './dremio.ts';
import type { Found, Ground } from './ground.ts';
import { isLoopbackOnly, socketTables } from './port-owner.ts';

/** Outcomes that may pass by themselves; a stack that runs already is not kept from an update by them. */
const PASSING: ReadonlySet<LoginOutcome['kind']> = new Set([
  'failing',
  'refused',
  'timeout',
  'network',
  'unknown-host',
]);

export async function checkDremio(
  { config, docker, engine }: Ground,
  purpose: 'deployment' | 'diagnosis',
): Promise<Found> {
  if (config.get('demo') === 'true') return { ok: 'the built-in demo' };
  const login = await dremioLogin(config);
  // In production the check of the settings has told it.
  const told = purpose === 'deployment' || platformOf(config) === 'swarm';
  if (login === undefined) return told ? {} : incomplete();
  const { url } = login;
  if (config.has('dremioNetwork') || isRemote(engine.address))
    return {
      notes: [`Dremio at ${url} is not asked from here: only the containers can reach it.`],
    };
  const outcome = await tryLogin(login);
  const problem = loginProblem(outcome, login) ?? (await loopbackProblem(docker, url));
  if (problem === undefined)
    return {
      ok: loginSuccess(outcome, login),
      ...(isLoopback(url) && platformOf(config) === 'containers'
        ? { notes: [`${url} means this machine: containers reach it as host.docker.internal.`] }
        : {}),
    };
  const mayPass = purpose === 'deployment' && PASSING.has(outcome.kind);
  if (!mayPass || !(await isDeployed(docker, config))) throw problem;
  const text = `${problem.message} Going on, since the stack is there already.`;
  return { warnings: [{ text, fix: problem.advice }] };
}

async function isDeployed(docker: Docker, config: StackConfig): Promise<boolean> {
  const { containers, services } = await findLeftovers(docker, config.files.stack);
  return containers.length + services.length > 0;
}

const incomplete = (): Found => ({
  problems: [
    new CommandError('no Dremio is named completely', {
      advice: [
        'npm run up -- --set dremioUrl=… --set dremioUsername=… --set-secret dremioPassword',
        'or, for the demo: npm run up -- --set demo=true',
      ],
    }),
  ],
});

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
