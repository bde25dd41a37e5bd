import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Docker from 'dockerode';
import { CommandError } from '../../scripts/command-error.ts';
import { updatesOf, waitUntilReady } from '../../scripts/commands/readiness.ts';
import type { Instance, RunningStack, Update } from '../../scripts/stack/running.ts';
import { quietDisplay } from '../../scripts/terminal/quiet.ts';

/** A refresher on another node, which the engine calls running whatever becomes of its update. */
const instance: Instance = {
  component: 'refresher',
  name: 'lakehouse-prod-refresher.two',
  node: 'two',
  container: null,
  state: 'running',
  health: null,
  error: null,
  startedAt: '2026-01-01T00:00:00Z',
  restarts: 0,
  exitCode: 0,
  outOfMemory: false,
  image: '',
  imageTags: [],
  ports: [],
};
const failure = { time: '2026-01-01T00:00:00Z', node: 'two', error: 'task: non-zero exit (78)' };
const updated = (state: string, since: string): Update => ({ state, message: '', since });

/** A Swarm that tells one update after the other, and then the last one again and again. */
function swarm(
  updates: readonly (Update | null)[],
  current: readonly number[] = [1],
): RunningStack {
  let looks = 0;
  return {
    docker: new Docker(),
    stack: 'prod',
    platform: 'swarm',
    look: async () => {
      const update = updates[Math.min(looks, updates.length - 1)] ?? null;
      const fresh = current[Math.min(looks, current.length - 1)] ?? 0;
      looks += 1;
      const service = { component: 'refresher', name: 'lakehouse-prod-refresher' };
      const services = [{ ...service, running: 1, current: fresh, wanted: 1, update, failure }];
      return { instances: [instance], swarm: { services, nodes: [] } };
    },
    readLogs: async () => {},
  };
}
const wait = async (running: RunningStack) =>
  waitUntilReady({
    running,
    before: await updatesOf(running),
    endpoint: undefined,
    display: quietDisplay(),
    signal: new AbortController().signal,
  });

describe('a deployment on Swarm is ready', () => {
  it('when its updates are through, not while the version before still serves', async () => {
    const states: (Update | null)[] = [null, updated('updating', '1'), updated('completed', '2')];
    const running = swarm(states);
    await wait(running);
    assert.equal((await updatesOf(running)).get('lakehouse-prod-refresher'), 'completed 2');
  });

  it('when tasks of the version before are gone, before the Swarm says that an update began, too', async () => {
    const running = swarm([null], [1, 0, 0, 1]);
    await wait(running);
    assert.equal((await running.look()).swarm?.services[0]?.current, 1);
  });

  it('never when an update was rolled back, of a service too that the engine of deployment does not wait for', async () => {
    const running = swarm([updated('completed', '1'), updated('rollback_completed', '2')]);
    const error = await wait(running).catch((reason: unknown) => reason);
    assert.ok(error instanceof CommandError, String(error));
    assert.equal(error.exitCode, 1);
    assert.equal(error.message, 'The update of refresher did not take.');
    assert.deepEqual(error.advice, [
      'refresher: its update failed and was rolled back: the version before it serves.',
      '  its last failed task, on two: task: non-zero exit (78)',
      'See more: npm run status -- --stack prod and npm run logs -- --stack prod refresher',
    ]);
  });

  it('whatever an update of another deployment came to', async () => {
    await wait(swarm([updated('rollback_completed', '1')]));
  });
});
