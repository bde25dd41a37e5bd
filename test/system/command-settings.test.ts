import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { parse } from 'yaml';
import { openCrypter } from '../../local/crypter.ts';
import { StackConfig } from '../../scripts/config/stack-config.ts';
import { dropStaleLocks } from '../../scripts/engine/pulumi-locks.ts';
import { lockStack } from '../../scripts/stack/lock.ts';
import { stackFiles } from '../../scripts/stack/stack-files.ts';
import { lakehouse, repository } from '../helpers/lakehouse-command.ts';

const SECRET = 'correct-horse-battery';
const stack = `test-settings-${process.pid}`;
const files = stackFiles(repository.replace(/\/$/, ''), stack);
/** No engine answers there, so that a command stops right after it kept the settings. */
const NO_ENGINE = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };

/** `up` with these options; it must stop for want of an engine and nothing else. */
async function up(
  words: string[],
  options: { input?: string; environment?: Record<string, string> } = {},
) {
  const outcome = await lakehouse(['up', '--stack', stack, ...words], {
    ...options,
    environment: { ...NO_ENGINE, ...options.environment },
  });
  assert.equal(outcome.code, 3, outcome.stderr);
  return outcome;
}

const merged = async () => parse(await readFile(files.config, 'utf8'));
async function secretIn(config: {
  encryptionsalt: string;
  config: Record<string, { secure: string }>;
}) {
  const passphrase = (await readFile(files.passphrase, 'utf8')).trim();
  const crypter = await openCrypter(passphrase, config.encryptionsalt);
  return crypter.decrypt(config.config['lakehouse-mcp:dremioPassword']?.secure ?? '');
}

describe('settings that up is given', () => {
  afterEach(() => rm(files.folder, { recursive: true, force: true }));

  it('are kept outside of git, for the next run too, until they are unset', async () => {
    await up(['--set', 'mcpPort=9001', '--set', 'dremioUsername=ann']);
    await up(['--set', 'mcpPort=9002', '--unset', 'dremioUsername']);
    assert.deepEqual((await merged()).config, { 'lakehouse-mcp:mcpPort': '9002' });
  });

  it('take secrets from standard input, in the order in which they are named, encrypted, in files that only their owner reads', async () => {
    const key = 'k'.repeat(40);
    const { stdout, stderr } = await up(
      ['--set-secret', 'dremioPassword', '--set-secret', 'mcpKey', '--json'],
      { input: `${SECRET}\n${key}\n` },
    );
    assert.equal(await secretIn(await merged()), SECRET);
    const everything = [
      stdout,
      stderr,
      await readFile(files.overrides, 'utf8'),
      await readFile(files.config, 'utf8'),
    ].join('\n');
    assert.ok(!everything.includes(SECRET) && !everything.includes(key));
    for (const path of [files.overrides, files.config, files.passphrase])
      assert.equal(((await stat(path)).mode & 0o777).toString(8), '600', path);
    assert.equal(((await stat(files.folder)).mode & 0o777).toString(8), '700');
  });

  it('refuse a secret that was not typed', async () => {
    const outcome = await lakehouse(['up', '--stack', stack, '--set-secret', 'dremioPassword'], {
      environment: NO_ENGINE,
    });
    assert.equal(outcome.code, 2);
    assert.match(outcome.stderr, /No value for dremioPassword/);
  });

  it('take the password from DREMIO_PASSWORD, saying so, once', async () => {
    const environment = { DREMIO_PASSWORD: SECRET };
    const first = await up(['--set', 'dremioUrl=http://127.0.0.1:9'], { environment });
    assert.match(first.stdout, /DREMIO_PASSWORD is now the secret setting dremioPassword/);
    assert.equal(await secretIn(await merged()), SECRET);
    const second = await up([], { environment });
    assert.doesNotMatch(second.stdout, /DREMIO_PASSWORD/);
    assert.ok(!(first.stdout + first.stderr + second.stdout).includes(SECRET));
  });

  it('stand above what is in git, and what up found out stands below it', async () => {
    const passphrase = 'p';
    const project = await projectWithDefaults();
    const own = stackFiles(project, 'dev');
    const config = await StackConfig.read(own, passphrase);
    assert.equal(config.get('mcpPort'), '8470', 'the default of Pulumi.yaml');
    assert.equal(config.get('logLevel'), 'debug', 'what is in git');
    config.setMachine('logLevel', 'error');
    config.setMachine('nodeImage', 'made-here');
    await config.change(
      { set: { 'lakehouse-mcp:mcpPort': '9000' }, secrets: [], unset: [] },
      new Map(),
    );
    await config.save();
    assert.deepEqual(parse(await readFile(own.config, 'utf8')).config, {
      'lakehouse-mcp:logLevel': 'debug',
      'lakehouse-mcp:nodeImage': 'made-here',
      'lakehouse-mcp:mcpPort': '9000',
    });
    assert.equal(config.isSet('nodeImage'), false, 'what up found out is not the user’s choice');
    await rm(project, { recursive: true });
  });

  it('are refused with the file’s name when the file was broken by hand', async () => {
    await mkdir(files.folder, { recursive: true });
    await writeFile(files.overrides, '- a\n- list\n');
    const outcome = await lakehouse(['up', '--stack', stack], { environment: NO_ENGINE });
    assert.equal(outcome.code, 2);
    assert.match(outcome.stderr, /overrides\.yaml is not a settings file/);
  });
});

async function projectWithDefaults(): Promise<string> {
  const project = await mkdtemp(join(tmpdir(), 'lakehouse-config-'));
  await writeFile(
    join(project, 'Pulumi.yaml'),
    'config:\n  mcpPort: { type: integer, default: 8470 }\n  logLevel: { type: string, default: info }\n',
  );
  await writeFile(join(project, 'Pulumi.dev.yaml'), 'config:\n  lakehouse-mcp:logLevel: debug\n');
  return project;
}

describe('two commands that change a stack', () => {
  afterEach(() => rm(files.folder, { recursive: true, force: true }));

  it('do not run at once: the second is refused and names the first', async () => {
    const unlock = await lockStack(files, 'npm run up');
    const refused = await lakehouse(['up', '--stack', stack], { environment: NO_ENGINE });
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      new RegExp(`is already changing the stack "${stack}": process ${process.pid}, since `),
    );
    await unlock();
  });

  it('do not wait for one that was killed', async () => {
    const script = `import { lockStack } from '${repository}scripts/stack/lock.ts';
      await lockStack(${JSON.stringify(files)}, 'npm run up');
      process.kill(process.pid, 'SIGKILL');`;
    const killed = spawn(process.execPath, ['--input-type=module-typescript', '-e', script]);
    await new Promise((resolve) => killed.on('close', resolve));
    const { pid } = JSON.parse(await readFile(files.lock, 'utf8'));
    assert.equal(pid, killed.pid);
    const unlock = await lockStack(files, 'npm run up');
    await unlock();
  });
});

describe('locks of a Pulumi CLI', () => {
  it('are removed when their process on this machine is gone, and left alone otherwise', async () => {
    const backend = await mkdtemp(join(tmpdir(), 'lakehouse-backend-'));
    const locks = join(backend, '.pulumi/locks/organization/p/dev');
    await mkdir(locks, { recursive: true });
    const gone = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => gone.on('close', resolve));
    const holders = {
      gone: { pid: gone.pid, hostname: hostname() },
      alive: { pid: process.pid, hostname: hostname() },
      elsewhere: { pid: gone.pid, hostname: 'another-machine' },
    };
    for (const [name, holder] of Object.entries(holders))
      await writeFile(join(locks, `${name}.json`), JSON.stringify(holder));
    await dropStaleLocks(backend);
    assert.deepEqual((await readdir(locks)).sort(), ['alive.json', 'elsewhere.json']);
    await dropStaleLocks(join(backend, 'nowhere'));
    await rm(backend, { recursive: true });
  });
});
