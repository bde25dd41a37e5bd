import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CommandError, codeOf, EXIT, messageOf } from '../command-error.ts';
import { registryName } from './location.ts';

export interface Login {
  readonly username: string;
  readonly password: string;
  /** What it comes from, for error texts. */
  readonly from: string;
}

/** What is known for a registry: a login, or where one may be that is not asked for it. */
export type Credentials =
  | { readonly kind: 'login'; readonly login: Login }
  | { readonly kind: 'none' }
  | { readonly kind: 'kept-elsewhere'; readonly where: string };

/** The login that a stack's config has for its registry. */
export interface StackRegistry {
  /** `host[:port]/path` */
  readonly registry: string | undefined;
  readonly username: string | undefined;
  /** Opens the secret, when it is needed. */
  readonly password: () => Promise<string | undefined>;
}

/**
 * Credentials for one registry: the stack's own (`registryUsername`, `registryPassword`) when it is the stack's
 * registry, else what `docker login` has written into Docker's config file.
 * @throws CommandError when the stack names a user without a password, or Docker's file cannot be understood
 */
export async function credentialsFor(
  registry: string,
  stack: StackRegistry,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Credentials> {
  const own = stack.registry !== undefined && registryName(stack.registry) === registry;
  if (own && stack.username !== undefined) {
    const password = await stack.password();
    if (password === undefined)
      throw new CommandError(
        `registryUsername is set for ${registry}, and registryPassword is not.`,
        { exitCode: EXIT.usage, advice: ['Set it: npm run up -- --set-secret registryPassword'] },
      );
    return {
      kind: 'login',
      login: { username: stack.username, password, from: 'registryUsername and registryPassword' },
    };
  }
  const file = join(environment.DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { kind: 'none' };
    throw unusable(file, messageOf(error));
  }
  return fromDockerConfig(text, registry, file);
}

/**
 * Reads the text of Docker's config.json (docker/cli: cli/config/configfile/file.go). Programs that it names as
 * keepers of passwords are not run.
 * @throws CommandError that quotes nothing of the file
 */
export function fromDockerConfig(text: string, registry: string, file: string): Credentials {
  let config: DockerConfig;
  try {
    config = JSON.parse(text) ?? {};
  } catch {
    throw unusable(file, 'it is not JSON');
  }
  const ofRegistry = <T>(map: Readonly<Record<string, T>> | undefined) =>
    Object.entries(map ?? {}).find(([name]) => registryName(name) === registry)?.[1];
  const { auth, identitytoken } = ofRegistry(config.auths) ?? {};
  if (identitytoken) return { kind: 'kept-elsewhere', where: `an identity token in ${file}` };
  if (auth) {
    const [, username, password] = /^([^:]+):(.*)$/s.exec(
      Buffer.from(auth, 'base64').toString('utf8'),
    ) ?? [undefined, undefined, undefined];
    if (username === undefined || password === undefined)
      throw unusable(file, `its login for ${registry} is not base64 of user:password`);
    // docker login pads with NUL.
    return {
      kind: 'login',
      login: { username, password: password.replace(/\0+$/, ''), from: file },
    };
  }
  const helper = ofRegistry(config.credHelpers) ?? config.credsStore;
  return helper
    ? { kind: 'kept-elsewhere', where: `the credential helper "${helper}" that ${file} names` }
    : { kind: 'none' };
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { auth?: string; identitytoken?: string }>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

const unusable = (file: string, why: string) =>
  new CommandError(`Docker's logins in ${file} cannot be used: ${why}.`, {
    exitCode: EXIT.usage,
    advice: ['Make the file anew with docker login, or name a folder without one: DOCKER_CONFIG=…'],
  });
