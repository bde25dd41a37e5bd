import assert from 'node:assert/strict';
import { test } from 'node:test';
import type Dockerode from 'dockerode';
import type { Context } from '../../local/resource-type.ts';
import {
  errorsOf,
  progressOf,
  servingBefore,
  type Task,
  type UpdateStatus,
} from '../../local/resources/service-converge.ts';
import type { ServiceInputs } from '../../local/resources/service-inputs.ts';
import { waitUntilConverged } from '../../local/resources/service-wait.ts';

let created = 0;

function task(State: string, more: { desired?: string; err?: string; id?: string } = {}): Task {
  created++;
  return {
    ID: more.id ?? `t${created}`,
    CreatedAt: new Date(created * 1000).toISOString(),
    DesiredState: more.desired ?? 'running',
    Status: { State, ...(more.err === undefined ? {} : { Err: more.err }) },
  };
}

const running = (count: number) => Array.from({ length: count }, () => task('running'));

const cases: [string, number, Task[], UpdateStatus | undefined, string, RegExp][] = [
  ['all tasks run', 2, running(2), undefined, 'converged', /^$/],
  ['none is wanted', 0, [], undefined, 'converged', /^$/],
  ['one still starts', 2, [...running(1), task('starting')], undefined, 'waiting', /^1 of 2 tasks/],
  [
    'one runs that shall stop',
    1,
    [task('running', { desired: 'shutdown' })],
    undefined,
    'waiting',
    /^0 of 1/,
  ],
  ['there are too many', 1, running(2), undefined, 'waiting', /^2 of 1/],
  // Both versions are up between two batches of an update.
  ['the update goes on', 2, running(2), { State: 'updating' }, 'waiting', /new version$/],
  ['the update is done', 2, running(2), { State: 'completed' }, 'converged', /^$/],
  ['one died after the update', 2, running(1), { State: 'completed' }, 'waiting', /^1 of 2/],
  ['it is rolled back', 2, running(2), { State: 'rollback_started' }, 'waiting', /rolls it back/],
  ['it was rolled back', 2, running(2), { State: 'rollback_completed' }, 'failed', /rolled the/],
  ['the roll back failed', 2, running(2), { State: 'rollback_paused' }, 'failed', /could not/],
  ['Swarm stopped it', 2, running(2), { State: 'paused' }, 'failed', /in the middle/],
];

for (const [when, wanted, current, updateStatus, is, saying] of cases) {
  test(`when ${when}, a service is ${is}`, () => {
    const progress = progressOf({ wanted, current, updateStatus });
    assert.equal(progress.is, is);
    const said =
      progress.is === 'waiting'
        ? progress.saying
        : progress.is === 'failed'
          ? progress.because
          : '';
    assert.match(said, saying);
  });
}

test('errors of tasks are said once each, the newest first', () => {
  const tasks = [
    task('rejected', { err: 'No such image' }),
    task('failed', { err: 'exit (1)' }),
    task('rejected', { err: 'No such image' }),
    task('running'),
    task('shutdown'),
  ];
  assert.deepEqual(errorsOf(tasks), ['No such image', 'exit (1)']);
});

test('a task that ended in order although it shall run is in trouble too', () => {
  const [said = ''] = errorsOf([task('complete')]);
  assert.match(said, /^ended with exit status 0, by itself or because its health check failed$/);
});

test('what serves of the old version is counted, also after a roll back', () => {
  const old = running(2);
  const fresh = [task('starting')];
  const all = [...old, ...fresh, task('failed')];
  assert.equal(servingBefore({ current: fresh, updateStatus: { State: 'paused' } }, all), 2);
  const back = running(1);
  const rolledBack = { current: back, updateStatus: { State: 'rollback_completed' } };
  assert.equal(servingBefore(rolledBack, [...back, task('failed')]), 1);
});

/** An engine that says one thing after the other, and its last for ever. */
function engine(steps: { status?: UpdateStatus; current: Task[]; all?: Task[] }[]) {
  let at = -1;
  const now = () => steps[Math.min(at, steps.length - 1)] ?? { current: [] };
  const docker = {
    getService: () => ({
      inspect: async () => {
        at++;
        return { UpdateStatus: now().status };
      },
    }),
    listTasks: async ({ filters }: { filters: Record<string, string[]> }) =>
      '_up-to-date' in filters ? now().current : (now().all ?? now().current),
  };
  return { docker: docker as unknown as Dockerode, looks: () => at + 1 };
}

async function wait(steps: Parameters<typeof engine>[0], replicas: number, old: Task[] = []) {
  const said: string[] = [];
  let clock = 0;
  const { docker, looks } = engine(steps);
  const context = { progress: (message: string) => void said.push(message) } as Context;
  const inputs = {
    mode: { replicated: { replicas } },
    convergeConfig: { timeout: '10s' },
  } as ServiceInputs;
  const pace = {
    now: () => clock,
    async sleep(ms: number) {
      clock += ms;
    },
  };
  const error = await waitUntilConverged(context, docker, 'id', inputs, old, pace).then(
    () => undefined,
    (reason: Error) => reason.message,
  );
  return { said, error, clock, looks: looks() };
}

test('the wait ends when the tasks run and go on running', async () => {
  const flash = { current: running(1) };
  const crashed = { current: [] };
  const { error, said, looks } = await wait([flash, crashed, flash, flash, flash], 1);
  assert.equal(error, undefined);
  assert.equal(looks, 5, 'a task that is up for one look is not believed');
  assert.deepEqual(said, ['0 of 1 tasks are running']);
});

test('a service that does not come says so when the time is over, with the errors of its tasks', async () => {
  const all = [task('rejected', { err: 'No such image: nope' })];
  const { error, clock } = await wait([{ current: [], all }], 1);
  assert.match(
    error ?? '',
    /^It was not done within 10s \(convergeConfig\.timeout\): 0 of 1 tasks/,
  );
  assert.match(error ?? '', /The new tasks say: "No such image: nope"\./);
  assert.doesNotMatch(error ?? '', /old version/);
  assert.ok(clock >= 10_000 && clock < 12_000, `${clock}`);
});

test('an update that is rolled back says what Swarm did, why, and that the old version serves', async () => {
  const old = running(2);
  const failed = task('failed', { err: 'unhealthy container' });
  const { error, said } = await wait(
    [
      { status: { State: 'updating' }, current: [task('starting')] },
      {
        status: { State: 'rollback_started', Message: 'early termination of task t9' },
        current: old,
        all: [...old, failed],
      },
      // By then Swarm has forgotten both.
      { status: { State: 'rollback_completed', Message: 'rollback completed' }, current: old },
    ],
    2,
    old,
  );
  assert.deepEqual(said, [
    '0 of 2 tasks are running in the new version',
    'the update failed, and Swarm rolls it back',
  ]);
  assert.equal(
    error,
    'Swarm rolled the update back (early termination of task t9).\n' +
      'The old version still serves (2 of its tasks are running).\n' +
      'The new tasks say: "unhealthy container".',
  );
});

test('an update that stops all at once says that nothing of the old version is left', async () => {
  const old = [task('shutdown', { desired: 'shutdown' })];
  const { error } = await wait([{ status: { State: 'paused' }, current: [], all: old }], 1, old);
  assert.match(error ?? '', /No task of the old version is running\./);
});
