/** Whole runs of the runner, on resources that need no engine. */
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  claimStack,
  destroy,
  type EngineEvent,
  encryptSecret,
  newEncryptionSalt,
  outputs,
  preview,
  RunnerError,
  type RunnerOptions,
  type StackOutput,
  up,
} from '../../local/index.ts';
import { acquireLock } from '../../local/lock.ts';

const projectDir = fileURLToPath(new URL('../fixtures/local/scenarios', import.meta.url));
const passphrase = 'a passphrase of the tests';

let folder: string;
let stateDir: string;
let events: EngineEvent[];
let salt: Promise<string> | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'local-runner-'));
  stateDir = join(folder, '.lakehouse/dev');
  events = [];
});
afterEach(() => rm(folder, { recursive: true }));

async function options(scenario: string, length = 16): Promise<RunnerOptions> {
  const configFile = join(folder, 'Pulumi.dev.yaml');
  // One salt for all: deriving a key is slow by design, and is done once per salt.
  salt ??= newEncryptionSalt(passphrase);
  await writeFile(
    configFile,
    `encryptionsalt: ${await salt}\nconfig:\n  scenario: ${scenario}\n  length: ${length}\n`,
  );
  const onEvent = (event: EngineEvent) => void events.push(event);
  // Nothing listens there: whoever dials the engine fails the test.
  const docker = { socketPath: join(folder, 'no-engine.sock') };
  return { projectDir, stack: 'dev', configFile, passphrase, stateDir, docker, onEvent };
}

async function failure(run: Promise<unknown>): Promise<RunnerError> {
  const error = await run.then(
    () => assert.fail('the run succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RunnerError, String(error));
  assert.doesNotMatch(error.message, /\n\s+at /, 'a stack trace');
  return error;
}

const counted = ({ durationMs: _, ...counts }: { durationMs: number }) => counts;
const none = { create: 0, same: 0, update: 0, replace: 0, delete: 0 };

/** Outputs made from a secret are marked, and the secret is in clear nowhere else. */
async function keepsSecrets(made: Record<string, StackOutput>): Promise<void> {
  assert.equal(made.login?.secret, true);
  assert.equal(made.text?.secret, false);
  assert.deepEqual(await outputs({ stateDir, passphrase }), made);
  const { password } = made.login.value as { password: string };
  assert.equal(password.length, 16);
  for (const name of await readdir(stateDir)) {
    assert.ok(!(await readFile(join(stateDir, name), 'utf8')).includes(password), name);
    assert.equal((await stat(join(stateDir, name))).mode & 0o077, 0, name);
  }
  assert.ok(!JSON.stringify(events).includes(password));
  const wrong = await failure(outputs({ stateDir, passphrase: 'another' }));
  assert.match(wrong.message, /^Incorrect passphrase/);
}

const lastPart = (urn: string) => urn.split('::').at(-1);

describe('a stack from its first up to its end', () => {
  it('is previewed, made, changed and taken down, each time with just what is needed', async () => {
    const fresh = await preview(await options('plain'));
    assert.deepEqual(counted(fresh.summary), { ...none, create: 3 });
    await assert.rejects(readdir(stateDir), /ENOENT/, 'a preview leaves nothing behind');

    const first = await up(await options('plain'));
    assert.deepEqual(counted(first.summary), { ...none, create: 3 }, 'no output needs "unseen"');
    assert.match(String(first.outputs.text?.value), /^id is x-[0-9a-f]{8}$/);
    assert.equal(first.outputs.folder?.value, 'scenarios', 'the program runs in its own folder');
    await keepsSecrets(first.outputs);

    const elsewhere = await options('plain');
    await appendFile(elsewhere.configFile, '  docker:host: unix:///other.sock\n');
    const moved = await failure(up(elsewhere));
    assert.match(moved.message, /docker:host is now unix:\/\/\/other\.sock/);

    const second = await up(await options('plain'));
    assert.deepEqual(counted(second.summary), { ...none, same: 3 });
    assert.deepEqual(second.outputs, first.outputs);

    const config = await options('fewer', 20);
    const before = await readFile(join(stateDir, 'state.json'), 'utf8');
    const { changes } = await preview(config);
    assert.deepEqual(
      changes.map(({ urn, operation, reason }) => [lastPart(urn), operation, reason]),
      [
        ['first', 'replace', 'changed: length'],
        ['id', 'delete', 'it left the program'],
        ['unseen', 'delete', 'it left the program'],
      ],
    );
    assert.equal(await readFile(join(stateDir, 'state.json'), 'utf8'), before);

    events = [];
    const { summary, outputs: found } = await up(config);
    assert.deepEqual(counted(summary), { ...none, replace: 1, delete: 2 });
    assert.equal(String(found.first?.value).length, 20);
    const told = events.map((event) => {
      const operation = 'operation' in event ? event.operation : '';
      return `${event.kind} ${operation} ${'urn' in event ? lastPart(event.urn) : ''}`;
    });
    assert.deepEqual(told, [
      'start replace first',
      'done replace first',
      'start delete unseen',
      'done delete unseen',
      'start delete id',
      'done delete id',
    ]);

    assert.deepEqual(counted(await destroy({ ...config, deleteData: false })), {
      ...none,
      delete: 1,
    });
    assert.deepEqual(await readdir(stateDir), []);
    await claimStack(stateDir, 'pulumi');
  });

  it('reads secure config values, and masks them when the program prints them', async () => {
    const config = await options('leaks');
    const sealed = await encryptSecret('topsecret', passphrase, (await salt) ?? '');
    await appendFile(config.configFile, `  given:\n    secure: ${sealed}\n`);
    await up(config);
    const messages = events.flatMap((event) =>
      event.kind === 'message' ? [`${event.severity}: ${event.message}`] : [],
    );
    assert.deepEqual(messages.sort(), ['info: the value is [secret]', 'warning: mind the gap']);
  });
});

describe('resource options', () => {
  it('protect keeps a resource from replacement, deletion and destroy', async () => {
    const config = await options('protected');
    await up(config);
    const replaced = await failure(up(await options('protected', 20)));
    assert.match(replaced.message, /must be replaced and is protected/);
    const left = await failure(up(await options('empty')));
    assert.match(left.message, /first .*left the program but is protected/);
    events = [];
    assert.deepEqual(counted(await destroy({ ...config, deleteData: false })), none);
    const [kept] = events.filter((event) => event.kind === 'message');
    assert.match(kept?.message ?? '', /^Kept RandomPassword "first"/);
    assert.deepEqual(counted(await destroy({ ...config, deleteData: true })), {
      ...none,
      delete: 1,
    });
  });

  it('aliases keep a renamed resource, ignoreChanges and retainOnDelete are honoured', async () => {
    const before = await up(await options('fewer'));
    const now = await up(await options('renamed', 20));
    assert.deepEqual(counted(now.summary), { ...none, same: 1 });
    assert.deepEqual(now.outputs, before.outputs);
    assert.match(await readFile(join(stateDir, 'state.json'), 'utf8'), /RandomPassword::second"/);
    events = [];
    assert.deepEqual(counted((await up(await options('empty'))).summary), none);
    assert.ok(events.some((event) => event.kind === 'message' && /is kept on/.test(event.message)));
  });
});

const refusals: [string, RegExp][] = [
  ['options', /options that the local runner cannot honour: deletedWith, customTimeouts/],
  ['twice', /two resources of type .* named "same"/],
  ['reads', /reads the existing resource "existing"/],
  ['calls', /calls the provider function "docker:index\/getNetwork:getNetwork"/],
  ['transforms', /registers asynchronous transforms/],
  ['lateMistake', /too late \(index\.ts:\d+\)/],
  ['exits', /ended early \(exit status 3\)/],
  ['network', /The Docker engine does not answer: .*DOCKER_HOST/s],
];

describe('what cannot be done is refused, in words and without a stack trace', () => {
  for (const [scenario, message] of refusals) {
    it(scenario, async () => {
      assert.match((await failure(up(await options(scenario)))).message, message);
    });
  }

  it('config of providers other than docker:host', async () => {
    const config = await options('plain');
    await appendFile(config.configFile, '  docker:certPath: /certs\n');
    assert.match((await failure(up(config))).message, /cannot honour the config "docker:certPath"/);
  });

  it('config that the program itself refuses, and nothing is left behind', async () => {
    const { message } = await failure(up(await options('runError')));
    assert.match(message, /^The port is taken\.\nSet another/);
    assert.deepEqual(await readdir(stateDir), []);
  });
});

describe('before anything is made', () => {
  it('everything that cannot be made is said at once', async () => {
    const error = await failure(up(await options('unknownTypes')));
    assert.match(
      error.message,
      /^one \(docker:index\/plugin:Plugin\): The local runner cannot make a .*\nother \(docker:index\/tag:Tag\): /,
    );
    assert.deepEqual(
      events.map((event) => [event.kind, 'urn' in event && lastPart(event.urn)]),
      [
        ['failed', 'one'],
        ['failed', 'other'],
      ],
    );
    assert.deepEqual(await readdir(stateDir), []);
  });

  it('a program with Swarm services is refused without the word that it is a trial', async () => {
    const config = await options('swarm');
    const refused = await failure(up(config));
    assert.match(refused.message, /npm run up -- --stack dev --engine local --trial/);
    assert.deepEqual(events, []);
    // With it the runner goes on to the engine, which is none here.
    const tried = await failure(up({ ...config, trial: true }));
    assert.match(tried.message, /^The Docker engine does not answer/);
    assert.deepEqual(await readdir(stateDir), []);
  });
});

describe('after a failure', () => {
  it('dependents never start, and what was made before is recorded', async () => {
    const error = await failure(up(await options('failsLate')));
    assert.match(
      error.message,
      /^network \(docker:index\/network:Network\): The Docker engine does not/,
    );
    assert.deepEqual(
      error.failures.map(({ urn }) => lastPart(urn)),
      ['network'],
    );
    const started = events.flatMap((event) => (event.kind === 'start' ? [event.name] : []));
    assert.deepEqual(started, ['before', 'network']);
    const summary = await destroy({ ...(await options('empty')), deleteData: false });
    assert.equal(summary.delete, 1);
  });
});

describe('an abort', () => {
  it('lets what is under way finish, starts nothing new and keeps the state', async () => {
    const controller = new AbortController();
    const config = await options('plain');
    const onEvent = (event: EngineEvent) => {
      config.onEvent?.(event);
      if (event.kind === 'start') controller.abort();
    };
    const error = await failure(up({ ...config, onEvent, signal: controller.signal }));
    assert.match(error.message, /^Stopped on request/);
    assert.equal(events.filter(({ kind }) => kind === 'failed').length, 0);
    const done = events.filter(({ kind }) => kind === 'done').length;
    assert.ok(done >= 1 && done < 3, `${done} were done`);
    const { summary } = await up(config);
    assert.deepEqual(counted(summary), { ...none, create: 3 - done, same: done });
  });

  it('before the start does nothing at all', async () => {
    const aborted = { ...(await options('plain')), signal: AbortSignal.abort() };
    assert.match((await failure(up(aborted))).message, /^Stopped on request/);
    assert.deepEqual(events, []);
  });
});

describe('one stack, one run, one engine', () => {
  it('a second run at once is refused with who has the stack', async () => {
    await claimStack(stateDir, 'local');
    const lock = await acquireLock(stateDir);
    const error = await failure(up(await options('plain')));
    assert.match(
      error.message,
      new RegExp(`Another run has this stack: process ${process.pid} on`),
    );
    await lock.release();
    await (await acquireLock(stateDir)).release();
  });

  it('a lock of a process that is gone, or whose number another process got, is cleared', async () => {
    await claimStack(stateDir, 'local');
    const lock = await acquireLock(stateDir);
    const held = JSON.parse(await readFile(join(stateDir, 'lock'), 'utf8'));
    await lock.release();
    const noSuchProcess = 2 ** 22 + 1;
    for (const stale of [
      { ...held, processStart: '1' },
      { ...held, pid: noSuchProcess },
    ]) {
      await writeFile(join(stateDir, 'lock'), JSON.stringify(stale));
      await (await acquireLock(stateDir)).release();
    }
    await writeFile(join(stateDir, 'lock'), JSON.stringify({ ...held, host: 'elsewhere', pid: 1 }));
    assert.match((await failure(acquireLock(stateDir))).message, /process 1 on elsewhere/);
  });

  it('of many that clear a stale lock at once, one gets it', async () => {
    await claimStack(stateDir, 'local');
    const stale = { pid: 2 ** 22 + 1, processStart: '1', host: hostname(), since: 'long ago' };
    await writeFile(join(stateDir, 'lock'), JSON.stringify(stale));
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(stateDir)));
    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  it('a stack of the Pulumi CLI is refused by every command', async () => {
    await claimStack(stateDir, 'pulumi');
    const config = await options('plain');
    for (const run of [
      () => up(config),
      () => preview(config),
      () => destroy({ ...config, deleteData: false }),
      () => outputs({ stateDir, passphrase }),
    ]) {
      assert.match((await failure(run())).message, /was made by the Pulumi CLI/);
    }
  });

  it('a stack that is not there is destroyed in no time and has no outputs', async () => {
    const config = await options('plain');
    assert.deepEqual(counted(await destroy({ ...config, deleteData: true })), none);
    assert.match(
      (await failure(outputs({ stateDir, passphrase }))).message,
      /There is no stack in/,
    );
  });
});
