import { existsSync } from 'node:fs';
import { CommandError, codeOf, EXIT, messageOf } from '../command-error.ts';
import { type DockerAddress, dockerContextAddress } from './docker-address.ts';
import { askEngine, dockerOptions, type EngineFacts, type EngineOptions } from './docker-client.ts';
import { type HostSystem, hostSystem } from './host-system.ts';
import { diagnoseSsh } from './ssh-engine.ts';

const ANSWER_MS = 8_000;
/** Engines before this one lack API 1.41, which the stack's health checks and mounts need. */
export const OLDEST = '20.10';

export interface Engine extends EngineFacts {
  readonly address: DockerAddress;
  readonly options: EngineOptions;
}

/** Why no engine answers, and what can be done about it. */
export type EngineAbsence =
  | { readonly kind: 'absent'; readonly address: DockerAddress; readonly error: Error }
  | { readonly kind: 'forbidden'; readonly address: DockerAddress; readonly error: Error }
  | {
      readonly kind: 'unreachable';
      readonly address: DockerAddress;
      readonly error: Error;
      /** What helps, where that is known. */
      readonly advice?: readonly string[];
    };

/**
 * Asks the engine at the address. When nothing listens on the default socket, the docker command's current context
 * is tried too; then DOCKER_HOST is set, so that whatever is started from here finds the same engine.
 */
export async function findEngine(address: DockerAddress): Promise<Engine | EngineAbsence> {
  const found = await tryEngine(address);
  if (!('kind' in found) || found.kind !== 'absent') return found;
  const other = address.from === 'default' ? dockerContextAddress(process.env) : undefined;
  if (other === undefined) return found;
  const second = await tryEngine(other);
  if (!('kind' in second)) process.env.DOCKER_HOST = other.url;
  return second;
}

async function tryEngine(address: DockerAddress): Promise<Engine | EngineAbsence> {
  try {
    const options = dockerOptions(address, process.env);
    return { address, options, ...(await askEngine(options, ANSWER_MS)) };
  } catch (thrown) {
    if (thrown instanceof CommandError) throw thrown;
    const error = thrown instanceof Error ? thrown : new Error(messageOf(thrown));
    const code = codeOf(thrown);
    if (code === 'EACCES' || code === 'EPERM') return { kind: 'forbidden', address, error };
    const ssh = address.url.startsWith('ssh:') ? await diagnoseSsh(address.url) : undefined;
    if (ssh !== undefined)
      return { kind: 'unreachable', address, error: new Error(ssh.why), advice: ssh.advice };
    const local = address.from === 'default' || address.from === 'docker context';
    return { kind: local ? 'absent' : 'unreachable', address, error };
  }
}

/** @throws CommandError (exit 3) when no engine answers, with the commands that help on this machine. */
export function requireEngine(found: Engine | EngineAbsence): Engine {
  if (!('kind' in found)) return checkVersion(found);
  throw absenceError(found, hostSystem());
}

export function absenceError(absence: EngineAbsence, host: HostSystem): CommandError {
  const { address, error } = absence;
  const failed = (message: string, advice: readonly string[]) =>
    new CommandError(message, { exitCode: EXIT.noEngine, advice, cause: error });
  const why = messageOf(error);
  switch (absence.kind) {
    case 'forbidden':
      return failed(`You may not use the Docker engine at ${address.url}: ${why}.`, [
        'Let your user use it, then log in again: sudo usermod -aG docker "$USER"',
        '(Members of the group docker can become root on this machine.)',
      ]);
    case 'unreachable':
      return failed(`The Docker engine at ${address.url} does not answer: ${why}.`, [
        ...(absence.advice ?? []),
        address.from === 'docker:host'
          ? "The stack's own setting names it. Use the local engine: npm run up -- --unset docker:host"
          : 'DOCKER_HOST names it. Use the local engine: unset DOCKER_HOST',
      ]);
    case 'absent':
      return failed(`No Docker engine answers at ${address.url}: ${why}.`, installAdvice(host));
  }
}

function installAdvice(host: HostSystem): string[] {
  if (process.platform === 'darwin')
    return ['Start Docker Desktop, Colima or OrbStack, then run the command again.'];
  const sudo = host.root ? '' : 'sudo ';
  if (existsSync('/usr/sbin/dockerd') || existsSync('/usr/bin/dockerd'))
    return [
      existsSync('/run/systemd/system')
        ? `Docker is installed but not running: ${sudo}systemctl start docker`
        : `Docker is installed but not running: ${sudo}dockerd >/var/log/dockerd.log 2>&1 &`,
    ];
  if (!host.debianLike) return ['Install Docker Engine: https://docs.docker.com/engine/install/'];
  return [
    `Install one: ${sudo}apt-get update && ${sudo}apt-get install -y docker.io`,
    ...(host.root
      ? []
      : ['Let your user use it, then log in again: sudo usermod -aG docker "$USER"']),
  ];
}

function checkVersion(engine: Engine): Engine {
  if (isOlder(engine.version, OLDEST))
    throw new CommandError(
      `The Docker engine at ${engine.address.url} is ${engine.version}; ${OLDEST} or newer is needed.`,
      { exitCode: EXIT.noEngine, advice: ['Update it: https://docs.docker.com/engine/install/'] },
    );
  return engine;
}

export function isOlder(version: string, oldest: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldMajor = 0, oldMinor = 0] = oldest.split('.').map(Number);
  return major !== oldMajor ? major < oldMajor : minor < oldMinor;
}
