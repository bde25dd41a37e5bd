import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { whatIsMissing } from '../../scripts/entry/dependencies.mjs';
import { isAtLeast } from '../../scripts/entry/pinned-node.mjs';
import { repository } from '../helpers/lakehouse-command.ts';

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

function run(command: string, words: string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { env: { ...process.env, NO_COLOR: '1', ...env } });
    const outcome = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (outcome.stdout += chunk));
    child.stderr.on('data', (chunk) => (outcome.stderr += chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...outcome }));
  });
}

/** The Node that the host has, rather than the project's own. */
function hostNode(): string {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '' && !folder.includes('node_modules'))
    .map((folder) => join(folder, 'node'))
    .find((path) => existsSync(path));
  return found ?? process.execPath;
}

describe('the command, started with the Node of the host', () => {
  const entry = join(repository, 'scripts/lakehouse.mjs');

  it('goes on with the Node that the project pins', async () => {
    const environment = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
    const words = [entry, 'doctor', '--stack', 'test-entry', '--json'];
    const { stdout, code } = await run(hostNode(), words, environment);
    const findings = JSON.parse(stdout) as { check: string; kind: string; text: string }[];
    const { optionalDependencies } = JSON.parse(
      await readFile(join(repository, 'package.json'), 'utf8'),
    );
    const pinned =
      optionalDependencies[`node-${process.platform}-${process.arch}`] ?? process.versions.node;
    assert.match(findings[0]?.text ?? '', new RegExp(`^v${pinned} `));
    const engine = findings.find(({ check }) => check === 'Docker engine');
    assert.equal(engine?.kind, 'problem');
    assert.match(engine?.text ?? '', /unix:\/\/\/nowhere\/docker\.sock does not answer/);
    assert.equal(code, 1);
    assert.ok(!existsSync(join(repository, '.lakehouse/test-entry')), 'doctor makes nothing');
  });

  it('explains itself with --help, exit codes included', async () => {
    const { code, stdout } = await run(hostNode(), [entry, '--help']);
    assert.equal(code, 0);
    assert.match(stdout, /Exit codes:[\s\S]*130 {2}interrupted/);
  });

  it('ends with 2 on a command or option that it does not have', async () => {
    const wrong = await run(hostNode(), [entry, 'sttus']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /Did you mean status\?/);
    assert.equal((await run(hostNode(), [entry, 'up', '--engine', 'terraform'])).code, 2);
  });
});

describe('the command in a checkout without dependencies', () => {
  let project: string;
  before(async () => {
    project = await mkdtemp(join(tmpdir(), 'lakehouse-entry-'));
    await mkdir(join(project, 'scripts'));
    for (const name of ['lakehouse.mjs', 'entry'])
      await cp(join(repository, 'scripts', name), join(project, 'scripts', name), {
        recursive: true,
      });
    const packages = { 'node_modules/a': { version: '1.0.0' } };
    await writeFile(join(project, 'package-lock.json'), JSON.stringify({ packages }));
    // Stands in for the command: says what it was given.
    await writeFile(
      join(project, 'scripts/cli.ts'),
      'const words: string[] = process.argv.slice(2);\nconsole.log(JSON.stringify(words));\nprocess.exit(7);\n',
    );
    // Stands in for npm: says what it was asked for, and installs as the lock file says.
    await writeFile(
      join(project, 'npm-cli.js'),
      `const { mkdirSync, copyFileSync } = require('node:fs');
       console.log('npm was asked:', process.argv.slice(2).join(' '));
       if (process.env.NPM_BREAKS) process.exit(9);
       mkdirSync('node_modules', { recursive: true });
       copyFileSync('package-lock.json', 'node_modules/.package-lock.json');`,
    );
  });
  after(() => rm(project, { recursive: true }));
  const start = (words: string[], env: NodeJS.ProcessEnv = {}) =>
    run(process.execPath, [join(project, 'scripts/lakehouse.mjs'), ...words], {
      npm_execpath: join(project, 'npm-cli.js'),
      ...env,
    });

  it('installs nothing when --no-install forbids it, and says what to run', async () => {
    const { code, stderr } = await start(['up', '--no-install']);
    assert.equal(code, 1);
    assert.match(stderr, /--no-install forbids installing them\.\nRun this first: npm ci/);
    assert.ok(!existsSync(join(project, 'node_modules')));
  });

  it('says so when npm fails', async () => {
    const { code, stderr } = await start(['up'], { NPM_BREAKS: '1' });
    assert.equal(code, 1);
    assert.match(stderr, /npm ci failed \(exit 9\)/);
  });

  it('installs them without install scripts, saying so on stderr, and hands its words and exit code on', async () => {
    const { code, stdout, stderr } = await start(['output', '--json']);
    assert.equal(stdout, '["output","--json"]\n');
    assert.match(stderr, /not installed yet\. Installing them with npm ci …/);
    assert.match(
      stderr,
      /npm was asked: ci --ignore-scripts --no-fund --no-audit --loglevel=error/,
    );
    assert.equal(code, 7);
    const again = await start(['output']);
    assert.equal(again.stderr, '', 'a second start installs nothing');
  });

  it('notices a version that is not the locked one, and leaves out what may be absent', async () => {
    const lock = (packages: object) => JSON.stringify({ packages });
    await writeFile(
      join(project, 'package-lock.json'),
      lock({
        '': { version: '0.1.0' },
        'node_modules/a': { version: '1.1.0' },
        'node_modules/other-platform': { version: '1.0.0', optional: true },
        'node_modules/tool': { version: '1.0.0', dev: true },
        'images/kit': { version: '0.1.0' },
        'node_modules/kit': { link: true },
      }),
    );
    assert.equal(whatIsMissing(project), 'a is 1.0.0, package-lock.json wants 1.1.0');
    await writeFile(join(project, 'node_modules/.package-lock.json'), lock({}));
    assert.equal(whatIsMissing(project), 'a is missing');
    await writeFile(
      join(project, 'node_modules/.package-lock.json'),
      lock({ 'node_modules/a': { version: '1.1.0' } }),
    );
    assert.equal(whatIsMissing(project), undefined);
  });
});

describe('versions of Node', () => {
  it('are compared by number', () => {
    assert.equal(isAtLeast('22.19.0', '22.19.0'), true);
    assert.equal(isAtLeast('24.0.0', '22.19.0'), true);
    assert.equal(isAtLeast('22.9.0', '22.19.0'), false);
    assert.equal(isAtLeast('20.20.2', '22.19.0'), false);
  });
});
