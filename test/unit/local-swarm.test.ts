import assert from 'node:assert/strict';
import { test } from 'node:test';

import type Dockerode from 'dockerode';
import {
  assertSwarm,
  assertTrial,
  needsSwarm,
  notManager,
  unplaceable,
} from '../../local/swarm.ts';

const resource = (type: string, inputs: Record<string, unknown> = {}) => ({
  type,
  name: 'proxy',
  inputs,
  options: {},
});
const service = resource('docker:index/service:Service', {
  taskSpec: { placement: { constraints: ['node.labels.lakehouse==true', 'node.role != drain'] } },
});

test('services, secrets and overlay networks exist in a Swarm only', () => {
  const network = 'docker:index/network:Network';
  assert.ok(needsSwarm(service));
  assert.ok(needsSwarm(resource('docker:index/secret:Secret')));
  assert.ok(needsSwarm(resource(network, { driver: 'overlay' })));
  assert.ok(!needsSwarm(resource(network, { driver: 'bridge' })));
  assert.ok(!needsSwarm(resource('docker:index/container:Container')));
});

test('a production stack is made as a trial only when that is said', () => {
  assert.throws(
    () => assertTrial([service], { stack: 'prod' }),
    /npx pulumi up --stack prod\).*npm run up -- --stack prod --engine local --trial/,
  );
  assertTrial([service], { stack: 'prod', trial: true });
  assertTrial([resource('docker:index/container:Container')], { stack: 'dev' });
});

test('an engine that is no manager is said once, with the command that makes it one', () => {
  assert.match(notManager(7, { LocalNodeState: 'inactive' }), /7 resources.*docker swarm init$/);
  assert.match(notManager(7, undefined), /docker swarm init$/);
  assert.match(notManager(7, { LocalNodeState: 'active' }), /a worker.*docker node promote/);
});

test('a label that no node carries is said with the command that gives it', () => {
  const labelled = { Spec: { Labels: { lakehouse: 'true' } } };
  const constraints = ['node.labels.lakehouse==true', 'node.platform.os == linux'];
  assert.deepEqual(unplaceable('proxy', constraints, [{}, labelled]), []);
  assert.deepEqual(unplaceable('proxy', ['node.role==manager'], [{}]), []);
  const [said = ''] = unplaceable('proxy', constraints, [
    { Spec: { Labels: { lakehouse: 'no' } } },
  ]);
  assert.match(
    said,
    /^No node of the Swarm carries the label lakehouse=true, which the service "proxy"/,
  );
  assert.match(said, /docker node update --label-add lakehouse=true <node>$/);
});

test('the engine is asked only when something needs a Swarm', async () => {
  const never = () => assert.fail('it was asked');
  await assertSwarm(never, [resource('docker:index/container:Container')]);
  const engine = (Swarm: object, nodes: object[]) => async () =>
    ({ info: async () => ({ Swarm }), listNodes: async () => nodes }) as unknown as Dockerode;
  const manager = { LocalNodeState: 'active', ControlAvailable: true };
  await assertSwarm(engine(manager, [{ Spec: { Labels: { lakehouse: 'true' } } }]), [service]);
  await assert.rejects(assertSwarm(engine({}, []), [service]), /docker swarm init/);
  const worker = { LocalNodeState: 'active', ControlAvailable: false };
  await assert.rejects(assertSwarm(engine(worker, []), [service]), /docker node promote/);
  await assert.rejects(assertSwarm(engine(manager, [{}]), [service]), /No node of the Swarm/);
});
