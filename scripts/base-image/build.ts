import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import type Docker from 'dockerode';
import { CommandError } from '../command-error.ts';
import { findProgram, lastLines, type RunOptions, run } from '../process.ts';
import { type Mirrors, mirrorsOfDebootstrap } from './host-facts.ts';
import { baseImageName, imageChanges, imageFiles, type Recipe, SUITE } from './recipe.ts';

/** Debian's signing keys, from its package debian-archive-keyring. */
export const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface BuildOptions {
  readonly docker: Docker;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/**
 * Builds a base image from Debian packages with debootstrap, as root, and gives it to the engine.
 * The Node in it is the one that runs this command; npm comes from its registry.
 * @returns the image's name
 */
export async function buildBaseImage(recipe: Recipe, options: BuildOptions): Promise<string> {
  // Not in /tmp, which may be small, or forbid devices.
  const work = await mkdtemp('/var/tmp/lakehouse-base-');
  const root = join(work, 'root');
  try {
    await chmod(work, 0o755);
    const mirrors = recipe.mirrors ?? (await mirrorsWithout());
    await bootstrap(root, recipe, mirrors, options);
    await addNode(root);
    await addNpm(work, root, recipe, options);
    options.progress('cleaning up');
    for (const folder of [
      'var/lib/apt/lists',
      'var/cache/apt',
      'var/log',
      'usr/share/man',
      'usr/share/locale',
    ])
      await must('find', [join(root, folder), '-mindepth', '1', '-delete'], options);
    await must(
      'find',
      [join(root, 'usr/share/doc'), '-type', 'f', '!', '-name', 'copyright', '-delete'],
      options,
    );
    await mkdir(join(root, 'var/cache/apt/archives/partial'), { recursive: true });
    await mkdir(join(root, 'var/lib/apt/lists/partial'), { recursive: true });
    for (const [path, text] of Object.entries(imageFiles(recipe, mirrors))) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text, {
        mode: path.endsWith('policy-rc.d') ? 0o755 : 0o644,
      });
    }
    return await importImage(work, root, recipe, options);
  } finally {
    await removeTree(work, root);
  }
}

/** Mirrors for a machine whose own packages are not Debian's. */
async function mirrorsWithout(): Promise<Mirrors> {
  const program = await findProgram('debootstrap');
  const mirrors =
    program === undefined ? undefined : mirrorsOfDebootstrap(await readFile(program, 'utf8'));
  if (mirrors === undefined)
    throw new CommandError("debootstrap names no mirror of Debian's packages to build from.", {
      advice: ['Name an image that the engine can pull: npm run up -- --set nodeImage=…'],
    });
  return mirrors;
}

async function bootstrap(
  root: string,
  recipe: Recipe,
  mirrors: Mirrors,
  options: BuildOptions,
): Promise<void> {
  const words = [
    '--variant=minbase',
    '--include=ca-certificates',
    `--arch=${recipe.architecture}`,
    `--keyring=${KEYRING}`,
    SUITE,
    root,
    mirrors.main,
  ];
  await must('debootstrap', words, options, {
    onLine: (line) => options.progress(line.replace(/^[IW]: /, '')),
    env: {
      ...process.env,
      ...(recipe.proxy === undefined ? {} : { http_proxy: recipe.proxy }),
    },
  });
}

async function addNode(root: string): Promise<void> {
  const target = join(root, 'usr/local/bin/node');
  await copyFile(process.execPath, target);
  await chmod(target, 0o755);
}

async function addNpm(work: string, root: string, recipe: Recipe, options: BuildOptions) {
  options.progress(`npm ${recipe.npmVersion}`);
  await must(
    'npm',
    ['pack', `npm@${recipe.npmVersion}`, '--loglevel=error', '--pack-destination', work],
    options,
    { cwd: work },
  );
  await must(
    'tar',
    ['-xzf', join(work, `npm-${recipe.npmVersion}.tgz`), '-C', work, '--no-same-owner'],
    options,
  );
  const modules = join(root, 'usr/local/lib/node_modules');
  await mkdir(modules, { recursive: true });
  await rename(join(work, 'package'), join(modules, 'npm'));
  for (const name of ['npm', 'npx']) {
    const script = join(modules, 'npm', 'bin', `${name}-cli.js`);
    await chmod(script, 0o755);
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, 'usr/local/bin', name));
  }
}

async function importImage(work: string, root: string, recipe: Recipe, options: BuildOptions) {
  options.progress('giving it to the engine');
  const name = baseImageName(recipe);
  const archive = join(work, 'root.tar');
  const left = ['dev', 'proc', 'sys'].map((folder) => `--exclude=./${folder}/*`);
  await must(
    'tar',
    ['--numeric-owner', '--sort=name', ...left, '-C', root, '-cf', archive, '.'],
    options,
  );
  const [repo = '', tag = ''] = name.split(/:(?=[^:]*$)/);
  const answer = await options.docker.importImage(createReadStream(archive), {
    repo,
    tag,
    changes: imageChanges(recipe),
    abortSignal: options.signal,
  });
  answer.resume();
  await finished(answer);
  return name;
}

/**
 * Removes the folder even when debootstrap was stopped midway and left file systems mounted in it: those are taken
 * off first, and `rm` never crosses into another file system.
 */
async function removeTree(work: string, root: string): Promise<void> {
  for (const mounted of ['proc', 'sys']) {
    const point = join(root, mounted);
    if ((await run('mountpoint', ['-q', point])).code === 0) await run('umount', ['-l', point]);
  }
  await new Promise((resolve) =>
    spawn('rm', ['-rf', '--one-file-system', '--', work], { stdio: 'ignore' })
      .on('error', resolve)
      .on('close', resolve),
  );
}

async function must(
  command: string,
  words: readonly string[],
  options: BuildOptions,
  more: RunOptions = {},
): Promise<void> {
  const result = await run(command, words, { signal: options.signal, ...more });
  if (result.code === 0) return;
  const said = lastLines(`${result.stdout}\n${result.stderr}`, 6);
  throw new CommandError(`Building the base image failed: ${command} ended with ${result.code}.`, {
    advice: [
      ...said.map((line) => `  ${line}`),
      'Or name an image that the engine can pull: npm run up -- --set nodeImage=…',
    ],
  });
}
