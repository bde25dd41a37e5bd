#!/usr/bin/env node
// The first file of every `npm run …` command. It runs on any Node from 20 on, whatever the host has: it makes
// sure that the dependencies are there, then hands over to scripts/cli.ts on the Node that the project pins.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { installDependencies, whatIsMissing } from './entry/dependencies.mjs';
import { chooseNode, MINIMUM_NODE } from './entry/pinned-node.mjs';

const project = fileURLToPath(new URL('..', import.meta.url));
const words = process.argv.slice(2);

/** @param {string} message @returns {never} */
function stop(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

const major = Number(process.versions.node.split('.')[0]);
if (major < 20)
  stop(
    `Node ${process.version} is too old: lakehouse-mcp needs Node 20 or newer to start.\n` +
      'Install one from your package manager or https://nodejs.org, then run the command again.',
  );

const missing = whatIsMissing(project);
if (missing !== undefined) {
  if (words.includes('--no-install'))
    stop(
      `Dependencies: ${missing}, and --no-install forbids installing them.\nRun this first: npm ci`,
    );
  process.stderr.write(`Dependencies: ${missing}. Installing them with npm ci …\n`);
  const started = Date.now();
  const problem = await installDependencies(project);
  if (problem !== undefined) stop(problem);
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  process.stderr.write(`Dependencies installed in ${seconds} s.\n`);
}

const node = chooseNode(project);
if (node === undefined)
  stop(
    `No Node that can run this project: it needs ${MINIMUM_NODE} or newer, this is ${process.version}, and no\n` +
      `prebuilt one for ${process.platform}-${process.arch} is among the dependencies.\n` +
      'Install Node 24 from https://nodejs.org, then run the command again.',
  );

// The pinned Node comes first on PATH too, so that what is started from here (the Pulumi language host) finds it.
const path = [node.folder, process.env.PATH].filter(Boolean).join(':');
// Compiled code is kept for the next command, where `npm ci` clears it away.
const cache = fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url));
const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));
const child = spawn(node.executable, [...node.flags, cli, ...words], {
  stdio: 'inherit',
  env: { NODE_COMPILE_CACHE: cache, ...process.env, PATH: path },
});
// A terminal sends Ctrl-C to both processes, `kill` to this one only: pass everything on; cli.ts takes two signals
// in the same moment for one.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
  process.on(signal, () => child.kill(signal));
child.on('error', (error) =>
  stop(`Node could not be started (${node.executable}): ${error.message}`),
);
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
