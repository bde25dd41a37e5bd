/**
 * The containers of a running stack against the hardening table: promise S1 (inspect data and /proc) and, by number,
 * S2 (CIS Docker Benchmark 1.6.0, sections 4 and 5).
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isExcepted, type PlatformName } from '../../infra/rules/exceptions.ts';
import { destroy, type RunnerOptions, up } from '../../local/index.ts';
import { containersOf, look, type Seen } from '../helpers/hardening-look.ts';
import { type Check, checks, isFiller } from '../helpers/hardening-table.ts';
import { deploy, docker, eventually, type TestStack } from '../helpers/stack.ts';
import { labelNode, noSwarm } from '../helpers/swarm.ts';

const swarmProject = fileURLToPath(new URL('../fixtures/rules/swarm', import.meta.url));
const noTasks = await noSwarm();

const titleOf = ({ cis, says }: Check) =>
  cis === undefined ? `S1 ${says}` : `S1 S2 ${cis} ${says}`;

const isAsked = (check: Check, seen: Seen) =>
  (check.ofFillers || !isFiller(seen)) && !isExcepted(check.id, seen.platform, seen.component);

/** One test for each line of the table, over all containers of the stack. */
function holdsFor(platform: PlatformName, all: () => readonly Seen[]): void {
  for (const check of checks)
    it(`${titleOf(check)} (${platform})`, (test) => {
      const asked = all().filter((seen) => isAsked(check, seen));
      if (asked.length === 0)
        test.skip('an exception for every container: infra/rules/exceptions.ts');
      assert.deepEqual(
        asked.flatMap((seen) =>
          check.problems(seen).map((problem) => `${seen.component}: ${problem}`),
        ),
        [],
      );
    });
}

describe('the containers of a stack', () => {
  let stack: TestStack;
  let seen: Seen[] = [];
  before(async () => {
    stack = await deploy({ demo: 'true' });
    const ids = await containersOf(stack.name, 'containers');
    seen = await Promise.all(ids.map((id) => look(id, 'containers')));
  });
  after(() => stack?.remove());

  it('S1 are three services and what fills in their secrets', () => {
    assert.deepEqual(seen.map(({ component }) => component).sort(), [
      'demo',
      'demo-secrets',
      'proxy',
      'proxy-live-secrets',
      'proxy-secrets',
      'refresher',
      'refresher-secrets',
    ]);
    const services = seen.filter((each) => !isFiller(each));
    assert.deepEqual(services.map(({ component }) => component).sort(), [
      'demo',
      'proxy',
      'refresher',
    ]);
    for (const { inside } of services) {
      assert.ok((inside?.processes.length ?? 0) >= 2, 'init and the service were seen');
      assert.ok((inside?.secrets.length ?? 0) >= 1, 'its secret files were seen');
    }
  });

  holdsFor('containers', () => seen);

  it('S1 would be found out if one had none of it', async () => {
    const [proxy] = seen.filter(({ component }) => component === 'proxy');
    assert.ok(proxy);
    const loose = await docker.createContainer({
      name: `lakehouse-${stack.name}-loose`,
      Image: proxy.container.Config.Image,
      User: '0:0',
      Entrypoint: ['sh', '-c', 'cp /bin/sh /borrowed && chmod 4755 /borrowed && sleep 600'],
      Healthcheck: { Test: ['NONE'] },
      HostConfig: { SecurityOpt: ['seccomp=unconfined'] },
    });
    try {
      await loose.start();
      const bare = await eventually('the file that it made is found', async () => {
        const now = await look(loose.id, 'containers');
        return now.inside?.setuidFiles.includes('/borrowed') === true && now;
      });
      const broken = checks.filter((check) => check.problems(bare).length > 0).map(({ id }) => id);
      for (const id of [
        'numeric-user',
        'setuid-files',
        'capabilities',
        'memory-limit',
        'no-swap',
        'cpu-limit',
        'read-only-root',
        'temporary-folder',
        'restart-policy',
        'process-limits',
        'seccomp',
        'no-new-privileges',
        'health-check',
        'no-default-bridge',
        'init',
        'log-rotation',
        'dead-peers',
      ])
        assert.ok(broken.includes(id), `${id} was not found to be broken`);
    } finally {
      await loose.remove({ force: true });
    }
  });

  describe('made by the platform for Swarm', { skip: noTasks }, () => {
    let folder: string;
    let options: RunnerOptions;
    let tasks: Seen[] = [];
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'lakehouse-hardening-'));
      const demo = seen.find(({ component }) => component === 'demo');
      const configFile = join(folder, 'Pulumi.yaml');
      const image = demo?.container.Config.Image;
      await writeFile(configFile, JSON.stringify({ config: { image } }));
      options = {
        projectDir: swarmProject,
        stack: `${stack.name}-swarm`,
        configFile,
        passphrase: 'a passphrase of a test',
        stateDir: join(folder, 'state'),
        trial: true,
      };
      await labelNode();
      await up(options);
      tasks = await eventually('both tasks are healthy', async () => {
        const ids = await containersOf(options.stack, 'swarm');
        const all = await Promise.all(ids.map((id) => look(id, 'swarm')));
        const healthy = all.filter(
          ({ container: { State } }) => State.Health?.Status === 'healthy',
        );
        return healthy.length === 2 && all.length === 2 && all;
      });
    });
    after(async () => {
      await destroy({ ...options, deleteData: true });
      // The node made it when a task mounted it, and no resource is behind it.
      await docker.getVolume(`lakehouse-${options.stack}-token`).remove();
      await rm(folder, { recursive: true });
    });

    it('S1 are one task of each service', () => {
      assert.deepEqual(tasks.map(({ component }) => component).sort(), ['global', 'replicated']);
      for (const { inside, service } of tasks) {
        assert.ok((inside?.secrets.length ?? 0) >= 1, 'its secret files were seen');
        assert.ok(service, 'its service was seen');
      }
    });

    holdsFor('swarm', () => tasks);
  });
});
