/**
 * The containers of a stack on plain containers against the hardening table: promise S1 (inspect data and /proc) and, by
 * number, S2 (CIS Docker Benchmark 1.6.0, sections 4 and 5). For Swarm: test/system/production/hardening.ts.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { holdsFor } from '../helpers/hardening-holds.ts';
import { containersOf, look, type Seen } from '../helpers/hardening-look.ts';
import { checks, isFiller } from '../helpers/hardening-table.ts';
import { deploy, docker, eventually, type TestStack } from '../helpers/stack.ts';

describe('the containers of a stack', () => {
  let stack: TestStack;
  let seen: Seen[] = [];
  before(async () => {
    stack = await deploy({ demo: 'true' });
    const ids = await containersOf(stack.name, 'containers');
    await eventually('Docker finds every service healthy', async () => {
      const all = await Promise.all(ids.map((id) => docker.getContainer(id).inspect()));
      // What fills in secrets has ended, and is never looked after.
      const services = all.filter(({ State }) => State.Running);
      return services.every(({ State }) => State.Health?.Status === 'healthy');
    });
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
});
