import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../images/kit/src/clock.ts';
import { createLogger } from '../../images/kit/src/logger.ts';
import { Child } from '../../images/proxy/src/upstream/stdio/child.ts';
import { Life, WATCH } from '../../images/proxy/src/upstream/stdio/life.ts';
import { ChildMemory } from '../../images/proxy/src/upstream/stdio/memory.ts';
import { changesUnderLoad } from '../fixtures/proxy/changes.ts';
import { toolCall, until } from '../fixtures/proxy/harness.ts';
import { fakeLaunch, poolFor } from '../fixtures/proxy/pool.ts';
import { wearUnderLoad } from '../fixtures/proxy/wear.ts';

const CALLS = Number(process.env.POOL_CALLS ?? 1_000);

describe('a pool of children', () => {
  it('P1: loses no call while its children are replaced under 16 callers', async (t) => {
    const { starts, seen, call } = poolFor(t, {
      count: 2,
      limits: { maxCalls: Math.ceil(CALLS / 10), maxAgeMs: 0, maxMemory: 0 },
    });
    const generations = new Set<number>();
    let left = CALLS;
    await Promise.all(
      Array.from({ length: 16 }, async (_, caller) => {
        while (left-- > 0) {
          const text = `${caller}/${left}`;
          const answer = await call(toolCall('sleep', { ms: left % 50, text }));
          assert.equal(answer.outcome, 'ok');
          assert.ok(answer.text.includes(text));
          generations.add(answer.generation);
        }
      }),
    );
    const recycled = starts.filter((reason) => reason === 'recycled').length;
    assert.ok(recycled >= 4, `${recycled} replacements`);
    assert.deepEqual(new Set(starts), new Set(['first', 'recycled']));
    assert.equal(generations.size >= recycled, true, 'each start has a generation of its own');
    assert.ok(seen.most <= 3, `${seen.most} children at once`);
  });

  it('P1: rotations of the token and replacements of children lose no call, and no old token is used', async () => {
    const sizes = { calls: CALLS, rotations: 10, replacements: 6, longestMs: 1_000 };
    const { failures, late, asked, starts } = await changesUnderLoad(sizes);
    assert.deepEqual(failures, []);
    assert.deepEqual(late, [], 'requests with the old token');
    assert.equal(asked[1], asked[0], 'none was repeated');
    assert.deepEqual(Object.keys(starts), ['first', 'recycled']);
    assert.ok((starts.recycled ?? 0) >= 6, JSON.stringify(starts));
  });

  it('P15: calls, disconnects and restarts leave no process and no descriptor over', () =>
    wearUnderLoad({ calls: CALLS, disconnects: CALLS / 10, restarts: 20 }));

  it('P2: a killed child fails its own calls alone, and the others go on', async (t) => {
    const { call, state } = poolFor(t, { count: 2 });
    await until(async () => {
      const pids = await Promise.all([state(), state()]);
      return pids[0]?.pid !== pids[1]?.pid;
    });
    const waiting = Array.from({ length: 31 }, () => call(toolCall('sleep', { ms: 600 })));
    const killer = call(toolCall('die'));
    assert.equal((await killer).outcome, 'child_died');
    const start = performance.now();
    assert.equal((await call(toolCall('echo'))).outcome, 'ok');
    assert.ok(performance.now() - start < 500, 'the other child answers at once');
    const outcomes = (await Promise.all(waiting)).map(({ outcome }) => outcome);
    assert.ok(outcomes.includes('ok') && outcomes.includes('child_died'));
  });

  it('replaces a child that is too old or has too much memory', async (t) => {
    const memory = { maxCalls: 0, maxAgeMs: 0, maxMemory: 200 * 1024 * 1024 };
    const large = poolFor(t, { limits: memory, tickMs: 50 });
    const before = await large.state();
    assert.equal((await large.call(toolCall('hold', { mebibytes: 200 }))).outcome, 'ok');
    await until(async () => (await large.state()).pid !== before.pid, 10_000);
    const old = poolFor(t, { limits: { ...memory, maxMemory: 0, maxAgeMs: 100 }, tickMs: 50 });
    await until(() => old.starts.includes('recycled'), 10_000);
  });

  it('asks each child for a list once, and hands its bytes to everyone', async (t) => {
    const { call, state } = poolFor(t);
    const before = (await state()).lists;
    const list = (id: number) => call({ jsonrpc: '2.0', id, method: 'resources/list' });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, id) => list(id)));
    for (const [id, { text }] of answers.entries()) assert.ok(text.includes(`"id":${id}`));
    assert.equal((await state()).lists, before + 1);
    const tools = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };
    assert.ok(!(await call(tools)).text.includes('brand_new'));
    await call(toolCall('add_tool', { name: 'brand_new' }));
    assert.ok((await call(tools)).text.includes('brand_new'));
  });

  it('P4: replaces a hung child of two, and the other one does not notice', async (t) => {
    const { call, state, starts } = poolFor(t, {
      count: 2,
      watch: { ...WATCH, pingEveryMs: 100, pingPatienceMs: 300 },
    });
    await until(async () => {
      const pids = await Promise.all([state(), state()]);
      return pids[0]?.pid !== pids[1]?.pid;
    });
    const { pid } = await state();
    process.kill(pid, 'SIGSTOP');
    await until(() => starts.includes('hung'), 10_000);
    assert.equal((await call(toolCall('echo'))).outcome, 'ok');
  });

  it('says killed of a child that is killed while a ping waits for its answer, not hung', async (t) => {
    const log = createLogger({
      service: 'proxy',
      level: 'error',
      destination: { write: () => true },
    });
    const child = new Child({
      // Its folder is removed before its end is told.
      launch: { ...fakeLaunch(), release: () => setImmediate() },
      generation: 1,
      messageLimit: 1_000_000,
      memory: new ChildMemory(),
      clock: systemClock,
      log,
    });
    const life = new Life({
      child,
      clientInfo: { name: 'test', version: '1' },
      capabilities: {},
      watch: { ...WATCH, pingEveryMs: 20, pingPatienceMs: 10_000 },
      clock: systemClock,
      log,
      prepare: async () => {},
    });
    t.after(() => life.stop());
    assert.ok(await life.opened);
    const { pid } = child;
    assert.ok(pid);
    process.kill(pid, 'SIGSTOP');
    await until(() => life.doubtful);
    process.kill(pid, 'SIGKILL');
    assert.equal((await life.ended).reason, 'killed');
  });

  it('fault 25: a child that the kernel took for its memory fails its calls with that reason', async (t) => {
    const cgroup = await mkdtemp(join(tmpdir(), 'lakehouse-cgroup-'));
    t.after(() => rm(cgroup, { recursive: true }));
    await mkdir(cgroup, { recursive: true });
    await writeFile(join(cgroup, 'memory.max'), String(640 * 1024 * 1024));
    await writeFile(join(cgroup, 'memory.events'), 'oom 0\noom_kill 0\n');
    const { call, state, starts } = poolFor(t, {
      memory: new ChildMemory({ proc: '/proc', cgroup }),
      tickMs: 60_000,
    });
    await state();
    await writeFile(join(cgroup, 'memory.events'), 'oom 1\noom_kill 1\n');
    const { text, outcome } = await call(toolCall('die'));
    assert.equal(outcome, 'child_died');
    assert.match(text, /reached its memory limit of 640 MiB/);
    assert.match(text, /"reason":"child_out_of_memory"/);
    await until(() => starts[1] === 'out_of_memory');
    assert.match((await call(toolCall('die'))).text, /was killed by SIGKILL/);
  });
});
