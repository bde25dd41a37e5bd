/** What the commands say and do about services of a Swarm, made by hand with the labels of a stack. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { ServiceSpec } from 'dockerode';
import { serviceOnPort } from '../../scripts/preflight/port-owner.ts';
import { managerProblem, type SwarmInfo } from '../../scripts/preflight/swarm.ts';
import {
  countOf,
  findLeftovers,
  removeLeftovers,
  tasksGone,
} from '../../scripts/stack/leftovers.ts';
import { runningStack } from '../../scripts/stack/platform.ts';
import type { LoggedLine } from '../../scripts/stack/running.ts';
import { isReady, stackStatus } from '../../scripts/stack/stack-status.ts';
import { baseImageOnEngine } from '../helpers/base-image.ts';
import { docker, eventually, freePort } from '../helpers/stack.ts';

const { Swarm: swarm } = (await docker.info()) as { Swarm?: SwarmInfo };
const image = await baseImageOnEngine(docker);
const skip =
  managerProblem(swarm ?? {}, 'this machine') !== undefined
    ? 'SKIPPED: this engine manages no Swarm (docker swarm init), so no service was looked at'
    : image === undefined
      ? 'SKIPPED: "npm run up" never ran here, so there is no image for a service'
      : false;

const stack = `t-cmd-${randomBytes(3).toString('hex')}`;
const running = runningStack(docker, stack, 'swarm');
const full = (name: string) => `lakehouse-${stack}-${name}`;

/** A service that answers on its operations port; `READY` says how. */
const SERVER = `
  const { createServer } = require('node:http');
  const ready = process.env.READY === 'true';
  const log = (event) => console.log(JSON.stringify({ time: new Date().toISOString(), level: 'info', event }));
  const body = JSON.stringify({ status: ready ? 'ok' : 'unavailable', reasons: ready ? [] : [{ code: 'no_token', message: 'there is no token yet' }] });
  createServer((_, response) => response.writeHead(ready ? 200 : 503).end(body)).listen(9090, () => log('listening'));
  process.on('SIGTERM', () => process.exit(0));
`;

describe('services of a Swarm', { skip }, () => {
  let probe: string;
  let network: string;

  const spec = (
    component: string,
    changes: { script?: string; ready?: boolean; replicas?: number },
  ) => {
    const labels = { 'lakehouse.stack': stack, 'lakehouse.component': component };
    return {
      Name: full(component),
      Labels: labels,
      TaskTemplate: {
        ContainerSpec: {
          Image: image,
          Labels: labels,
          Command: ['node', '-e', changes.script ?? SERVER],
          Env: [`READY=${changes.ready ?? true}`],
          Configs: [
            {
              ConfigID: probe,
              ConfigName: full('probe'),
              File: { Name: '/app/images/kit/src/probe.js', UID: '0', GID: '0', Mode: 0o444 },
            },
          ],
          Mounts: [
            {
              Type: 'volume',
              Source: full('token'),
              Target: '/token',
              VolumeOptions: {
                DriverConfig: {
                  Name: 'local',
                  Options: { type: 'tmpfs', device: 'tmpfs', o: 'size=64k' },
                },
              },
            },
          ],
          StopGracePeriod: 2e9,
        },
        Placement: { Constraints: ['node.labels.lakehouse!=never'] },
        RestartPolicy: { Condition: 'any', Delay: 1e9 },
        Networks: [{ Target: network, Aliases: [component] }],
      },
      Mode:
        changes.replicas === undefined
          ? { Global: {} }
          : { Replicated: { Replicas: changes.replicas } },
      UpdateConfig: {
        Parallelism: 1,
        Order: 'start-first',
        FailureAction: 'rollback',
        Monitor: 3e9,
        MaxFailureRatio: 0,
      },
      RollbackConfig: { Parallelism: 1, Order: 'start-first', Monitor: 1e9 },
      EndpointSpec: { Mode: 'dnsrr' },
    } as unknown as ServiceSpec;
  };
  const started = (component: string, count: number) =>
    eventually(`${component} runs`, async () => {
      const found = (await running.look()).swarm?.services ?? [];
      return found.some((one) => one.component === component && one.running === count);
    });

  before(async () => {
    const Labels = { 'lakehouse.stack': stack };
    const data = await readFile(
      new URL('../../images/kit/src/probe.js', import.meta.url),
      'base64',
    );
    const config = await docker.createConfig({ Name: full('probe'), Labels, Data: data });
    probe = config.id;
    const made = await docker.createNetwork({
      Name: full('internal'),
      Driver: 'overlay',
      Internal: true,
      Labels,
    });
    network = made.id;
    await docker.createSecret({ Name: full('secret'), Labels, Data: 'eA==' });
    await docker.createService(spec('refresher', {}));
    await docker.createService(spec('proxy', { replicas: 2 }));
    await started('refresher', 1);
    await started('proxy', 2);
  });
  after(async () => {
    await removeLeftovers(docker, await findLeftovers(docker, stack));
    await tasksGone(docker, stack, () => {});
    await removeLeftovers(docker, await findLeftovers(docker, stack));
    await docker.getConfig(probe).remove();
  });

  it('are looked at by task: node, state, what they say of themselves', async () => {
    const status = await stackStatus(running);
    assert.deepEqual(
      status.services.map(({ name, state, asked, ready }) => [name, state, asked, ready]),
      [
        [`${full('proxy')}.1`, 'running', true, true],
        [`${full('proxy')}.2`, 'running', true, true],
        [status.services[2]?.name, 'running', true, true],
      ],
    );
    const [node] = status.swarm?.nodes ?? [];
    assert.deepEqual(status.swarm?.nodes, [
      { name: node?.name, availability: 'active', state: 'ready', carries: ['proxy', 'refresher'] },
    ]);
    assert.equal(status.services[2]?.name, `${full('refresher')}.${node?.name}`);
    assert.equal(isReady(status), false, 'without an edge nobody is served');
  });

  it('have one log, sorted by time, in which each line has its task', async () => {
    const lines: LoggedLine[] = [];
    await running.readLogs({ follow: false, tail: 100 }, (line) => lines.push(line));
    assert.deepEqual([...new Set(lines.map(({ source }) => source))].sort(), [
      'proxy.1',
      'proxy.2',
      'refresher',
    ]);
    assert.deepEqual(
      lines.map(({ time }) => time),
      lines.map(({ time }) => time).sort(),
    );
    for (const { text } of lines) assert.equal(JSON.parse(text).event, 'listening');
    const one: LoggedLine[] = [];
    await running.readLogs({ component: 'refresher', follow: false, tail: 100 }, (line) =>
      one.push(line),
    );
    assert.deepEqual([...new Set(one.map(({ component }) => component))], ['refresher']);
  });

  it('that are not ready say why, and those that cannot start say the engine’s reason', async () => {
    await docker.createService(spec('demo', { ready: false, replicas: 1 }));
    await started('demo', 1);
    const { services } = await stackStatus(running);
    const demo = services.find(({ component }) => component === 'demo');
    assert.deepEqual([demo?.ready, demo?.reasons[0]?.message], [false, 'there is no token yet']);
    await docker.createService(spec('edge', { script: 'process.exit(78)', replicas: 1 }));
    const failed = await eventually('the failure is remembered', async () => {
      const all = (await running.look()).swarm?.services ?? [];
      return (
        all.find(({ component, failure }) => component === 'edge' && failure)?.failure ?? undefined
      );
    });
    assert.match(failed.error, /non-zero exit \(78\)/);
    await docker.getService(full('edge')).remove();
    await docker.getService(full('demo')).remove();
  });

  it('whose update fails are rolled back, which is told while the old version runs', async () => {
    const service = docker.getService(full('proxy'));
    const { Version } = (await service.inspect()) as { Version: { Index: number } };
    await service.update({
      ...spec('proxy', { replicas: 2, script: 'process.exit(70)' }),
      version: Version.Index,
    });
    const told = await eventually('the update is rolled back', async () => {
      const all = (await running.look()).swarm?.services ?? [];
      return all.find(
        ({ component, update }) => component === 'proxy' && update?.state === 'rollback_completed',
      );
    });
    assert.match(told.failure?.error ?? '', /non-zero exit \(70\)/);
    await started('proxy', 2);
  });

  it('that publish a port on every node are found by it', async () => {
    const port = await freePort();
    const published = spec('demo', { replicas: 1 });
    await docker.createService({
      ...published,
      EndpointSpec: {
        Ports: [{ Protocol: 'tcp', TargetPort: 9090, PublishedPort: port, PublishMode: 'ingress' }],
      },
    } as ServiceSpec);
    const owner = await serviceOnPort(docker, port);
    assert.deepEqual(owner, { kind: 'service', name: full('demo'), stack });
    await docker.getService(full('demo')).remove();
  });

  it('go with everything that they held: tasks end, networks and secrets and the token’s volume are free', async () => {
    const left = await findLeftovers(docker, stack);
    assert.deepEqual(
      [left.services.length, left.networks, left.secrets],
      [2, [full('internal')], [full('secret')]],
    );
    assert.deepEqual(left.volumes, [full('token')], 'which the engine made without a label');
    await removeLeftovers(docker, {
      ...left,
      containers: [],
      networks: [],
      secrets: [],
      volumes: [],
    });
    await tasksGone(docker, stack, () => {});
    await removeLeftovers(docker, await findLeftovers(docker, stack));
    assert.equal(countOf(await findLeftovers(docker, stack)), 0);
  });
});
