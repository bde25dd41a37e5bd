// Are the dependencies installed as package-lock.json says? Plain JavaScript without imports from node_modules.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/**
 * @typedef {{ version?: string, link?: boolean, optional?: boolean, dev?: boolean, peer?: boolean }} LockedPackage
 */

/**
 * Says what keeps node_modules from being what package-lock.json asks for, or `undefined` when nothing does.
 * npm records what it installed in node_modules/.package-lock.json. Optional packages (other platforms) and
 * development packages may be absent; a version that differs may not.
 * @param {string} project folder with package-lock.json
 * @returns {string | undefined}
 */
export function whatIsMissing(project) {
  const wanted = packagesIn(join(project, 'package-lock.json'));
  if (wanted === undefined) return undefined;
  const installed = packagesIn(join(project, 'node_modules', '.package-lock.json'));
  if (installed === undefined) return 'they are not installed yet';
  for (const [path, locked] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/') || locked.link === true) continue;
    const present = installed[path];
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (present === undefined) {
      if (locked.optional !== true && locked.dev !== true && locked.peer !== true)
        return `${name} is missing`;
    } else if (present.version !== locked.version) {
      return `${name} is ${present.version}, package-lock.json wants ${locked.version}`;
    }
  }
  return undefined;
}

/**
 * @param {string} file a lock file of npm
 * @returns {Record<string, LockedPackage> | undefined} `undefined` when there is no readable one
 */
function packagesIn(file) {
  try {
    const { packages } = JSON.parse(readFileSync(file, 'utf8'));
    return typeof packages === 'object' && packages !== null ? packages : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Runs `npm ci` without install scripts. npm's own output goes to stderr: stdout belongs to the command's result.
 * @param {string} project
 * @returns {Promise<string | undefined>} what went wrong, in words; `undefined` when it worked
 */
export function installDependencies(project) {
  // Under `npm run`, npm says where it is itself; another package manager's path is of no use here.
  const script = process.env.npm_execpath;
  const own = script !== undefined && /^npm(-cli)?\.(c|m)?js$/.test(basename(script));
  const [command, ...first] = own ? [process.execPath, script] : ['npm'];
  const words = [...first, 'ci', '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel=error'];
  return new Promise((resolve) => {
    const npm = spawn(command, words, { cwd: project, stdio: ['ignore', 2, 2] });
    npm.on('error', (error) =>
      resolve(`npm could not be started: ${error.message}\nInstall npm, then run: npm ci`),
    );
    npm.on('exit', (code, signal) =>
      resolve(
        code === 0
          ? undefined
          : `npm ci failed (${signal ?? `exit ${code}`}); its own words are above.\n` +
              'Once the cause is gone (network, registry, disk), run the command again.',
      ),
    );
  });
}
