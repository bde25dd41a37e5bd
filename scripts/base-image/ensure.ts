import { existsSync } from 'node:fs';
import Docker from 'dockerode';
import { CommandError } from '../command-error.ts';
import type { StackConfig } from '../config/stack-config.ts';
import type { Engine } from '../engine/docker-engine.ts';
import { aptInstall } from '../engine/docker-install.ts';
import { hostSystem } from '../engine/host-system.ts';
import { findProgram } from '../process.ts';
import { platformOf } from '../stack/platform.ts';
import type { Display } from '../terminal/tasks.ts';
import { buildBaseImage, KEYRING } from './build.ts';
import { buildProxy, debianMirrors, trustedAuthorities } from './host-facts.ts';
import { contentName, ensurePinnedImages } from './pinned.ts';
import { isOnEngine, pullImage } from './pull.ts';
import { baseImageName, NPM_VERSION, type Recipe } from './recipe.ts';

export interface EnsureOptions {
  readonly config: StackConfig;
  readonly engine: Engine;
  /** May packages be installed on this machine? */
  readonly install: boolean;
  readonly display: Display;
  readonly signal: AbortSignal;
}

/** Makes sure that the engine has the images that ours are built on. */
export async function ensureImages(options: EnsureOptions): Promise<void> {
  options.config.setMachine('imagePlatform', options.engine.platform);
  return platformOf(options.config) === 'swarm'
    ? ensurePinnedImages(options)
    : ensureBaseImage(options);
}

/**
 * Makes sure that the engine has the image that all others are built on: it is there, or pulled, or, where no
 * registry can be reached and the user has named none, built from Debian packages. What was built is kept as this
 * machine's `nodeImage`, below anything that the user sets.
 */
export async function ensureBaseImage(options: EnsureOptions): Promise<void> {
  const { config, engine, display, signal } = options;
  const docker = new Docker(engine.options);
  const task = display.task('Base image');
  const progress = (text: string) => task.progress(text);
  const ours = config.isSet('nodeImage') ? undefined : config.machine('nodeImage');
  config.setMachine(
    'nodeImage',
    ours === undefined ? undefined : await stillGood(ours, docker, engine),
  );
  const name = config.get('nodeImage') ?? '';
  if (await isOnEngine(docker, name)) return task.same(name);

  progress(`pulling ${name}`);
  const reason = await pullImage(docker, name, { signal, progress });
  if (reason === undefined) return task.done(`${name}, pulled`);
  const obstacle = config.isSet('nodeImage')
    ? 'the stack names this image itself'
    : obstacleToBuilding(engine, options.install);
  if (obstacle !== undefined) {
    task.failed('cannot be pulled');
    throw new CommandError(
      `The base image ${name} is not on the engine and cannot be pulled: ${reason}.`,
      {
        advice: [
          `It is not built from Debian packages here, since ${obstacle}.`,
          'Name one that the engine has or can pull, Debian bookworm with Node 24 and npm:',
          '  npm run up -- --set nodeImage=registry.example/node:24-bookworm-slim',
          ...(config.isSet('nodeImage')
            ? ['Or go back to the default: npm run up -- --unset nodeImage']
            : []),
        ],
      },
    );
  }
  try {
    const recipe = await hostRecipe();
    const own = baseImageName(recipe);
    if (await isOnEngine(docker, own)) {
      config.setMachine('nodeImage', own);
      return task.same(`${own}, built earlier, since ${name} cannot be pulled`);
    }
    display.note(
      `The base image ${name} cannot be pulled (${reason}).\n` +
        'Building one from Debian packages instead, as root; this takes a minute or two.',
    );
    await prepareHost(options);
    config.setMachine('nodeImage', await buildBaseImage(recipe, { docker, signal, progress }));
    task.done(`${own}, built`);
  } catch (error) {
    task.failed();
    throw error;
  }
}

/** Installs what builds the image, and says what of this machine does not go into it. */
async function prepareHost({ display, signal }: EnsureOptions): Promise<void> {
  if ((await findProgram('debootstrap')) === undefined || !existsSync(KEYRING))
    await aptInstall(['debootstrap', 'debian-archive-keyring'], {
      title: 'Install debootstrap',
      display,
      signal,
    });
  const { refused } = buildProxy(process.env);
  if (refused !== undefined)
    display.warn(
      `The proxy ${refused} is not put into images: its URL holds a password, or is this machine's loopback.`,
    );
}

/** The image that an earlier run built, unless it is gone or this machine would now build another. */
async function stillGood(
  name: string,
  docker: Docker,
  engine: Engine,
): Promise<string | undefined> {
  if (!(await isOnEngine(docker, name))) return undefined;
  if (obstacleToBuilding(engine, true) !== undefined) return name;
  return baseImageName(await hostRecipe()) === name ? name : undefined;
}

async function hostRecipe(): Promise<Recipe> {
  const proxy = buildProxy(process.env).url;
  const mirrors = await debianMirrors();
  return {
    architecture: DEBIAN_NAMES[process.arch] ?? process.arch,
    ...(mirrors === undefined ? {} : { mirrors }),
    ...(proxy === undefined ? {} : { proxy }),
    nodeVersion: process.versions.node,
    npmVersion: NPM_VERSION,
    bundle: await trustedAuthorities(process.env),
  };
}

const DEBIAN_NAMES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Why no base image can be built here, in words; `undefined` when one can. */
function obstacleToBuilding(engine: Engine, install: boolean): string | undefined {
  const host = hostSystem();
  if (!host.debianLike) return `that needs Debian or Ubuntu, and this is ${host.id}`;
  if (!host.root) return 'that needs root';
  if (!process.execPath.includes('node_modules'))
    return 'the Node that package.json pins is not installed';
  const here = `linux/${DEBIAN_NAMES[process.arch] ?? process.arch}`;
  if (engine.platform !== here)
    return `the engine runs ${engine.platform} and this machine is ${here}`;
  if (!install) return '--no-install forbids it';
  return undefined;
}

/** For `doctor`: whether a base image could be had, without changing anything. */
export async function baseImageState(config: StackConfig, engine: Engine) {
  const docker = new Docker(engine.options);
  const production = platformOf(config) === 'swarm';
  const name = production ? contentName(config, 'nodeImage') : (config.get('nodeImage') ?? '');
  const present = await isOnEngine(docker, name);
  const obstacle = production
    ? 'production takes what is named, and builds none'
    : obstacleToBuilding(engine, true);
  return { name, present, obstacle };
}
