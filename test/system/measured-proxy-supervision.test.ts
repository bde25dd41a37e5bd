/** What children do to a proxy, with the times that a user meets: the process itself, no Docker. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../images/kit/src/clock.ts';
import {
  callTool,
  FAKE_CHILD,
  type Json,
  openSession,
  post,
  prepareFolder,
  type RpcAnswer,
  startBench,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';
import { type ProxyProcess, startProcess } from '../fixtures/proxy/process.ts';

const KILLS = Number(process.env.KILLS ?? 100);
const MIB = 1024 * 1024;

const quantile = (values: readonly number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;

/** Calls one after the other until `done`; gives how long each took, in milliseconds. */
async function neighbour(proxy: ProxyProcess, done: () => boolean): Promise<number[]> {
  const session = await openSession(proxy.url);
  const times: number[] = [];
  do {
    const text = `neighbour ${times.length}`;
    const start = performance.now();
    const answer = await callTool(proxy.url, session, 'echo', { text }, `n${times.length}`);
    assert.equal(textOf(answer), text, JSON.stringify(answer));
    assert.equal(answer.id, `n${times.length}`);
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 10));
  } while (!done() || times.length < 100);
  return times;
}

/** The neighbour's calls while something else happens, and what that gave. */
async function beside<T>(proxy: ProxyProcess, task: Promise<T>) {
  let over = false;
  const finished = task.finally(() => {
    over = true;
  });
  finished.catch(() => {});
  const times = await neighbour(proxy, () => over);
  return { times, result: await finished };
}

const pidOf = async (proxy: ProxyProcess, session: string) =>
  Number(JSON.parse(textOf(await callTool(proxy.url, session, 'state'))).pid);

describe('a child that is killed', () => {
  it(`P2: ${KILLS} times with 32 calls in flight: each gets an error at once, and the next call is answered`, async () => {
    let minutes = 0;
    // Between two kills a minute of good service passes: no back-off is at work.
    const clock = { ...systemClock, now: () => Date.now() + minutes * 60_000 };
    await using bench = await startBench({ clock });
    const session = await openSession(bench.url);
    const errors: number[] = [];
    const recoveries: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const { pid } = JSON.parse(textOf(await callTool(bench.url, session, 'state')));
      const waiting = Array.from({ length: 32 }, async (_, id) => {
        const answer = await callTool(bench.url, session, 'stuck', {}, id);
        return { id, answer, at: performance.now() };
      });
      await until(async () => /in_flight 32\b/.test(await bench.metrics()));
      const start = performance.now();
      process.kill(pid, 'SIGKILL');
      for (const { id, answer, at } of await Promise.all(waiting)) {
        const { code, data } = answer.error ?? {};
        assert.deepEqual([answer.id, code, data?.reason], [id, -32000, 'child_died']);
        errors.push(at - start);
      }
      const begin = performance.now();
      assert.equal(textOf(await callTool(bench.url, session, 'echo', { text: 'x' })), 'x');
      recoveries.push(performance.now() - begin);
      minutes++;
    }
    const slowest = Math.max(...errors);
    assert.ok(slowest <= 1_000, `the slowest error came after ${slowest} ms`);
    const p95 = quantile(recoveries, 0.95);
    assert.ok(p95 <= 2_000, `the next call took ${p95} ms at p95`);
    assert.match(await bench.metrics(), new RegExp(`reason="killed"\\} ${KILLS}\n`));
    assert.match(await bench.metrics(), /in_flight 0\b/);
  });
});

describe('children that do not do well', { concurrency: true }, () => {
  it('P3: a crash loop is 503 with Retry-After, never the end of the proxy, and is over within 31 s of the repair', async (t) => {
    const folder = await prepareFolder();
    t.after(() => rm(folder, { recursive: true }));
    await using proxy = await startProcess(folder);
    const session = await openSession(proxy.url);
    const pid = await pidOf(proxy, session);
    const good = readFileSync(join(folder, 'child'));
    await writeFile(join(folder, 'child'), '#!/bin/sh\nexit 3\n');
    process.kill(pid, 'SIGKILL');
    await until(async () => (await proxy.readyCodes()).includes('child_crash_loop'), 30_000);
    const times: number[] = [];
    for (let i = 0; i < 50; i++) {
      const start = performance.now();
      const answer = await post(proxy.url, toolCall('echo'), { 'mcp-session-id': session });
      const { error } = (await answer.json()) as RpcAnswer;
      times.push(performance.now() - start);
      assert.equal(answer.status, 503);
      const wait = Number(answer.headers.get('retry-after'));
      assert.ok(wait >= 1 && wait <= 30, `Retry-After: ${wait}`);
      assert.equal(error?.data?.reason, 'child_crash_loop');
    }
    assert.ok(quantile(times, 0.5) <= 50, `${quantile(times, 0.5)} ms`);
    assert.equal(proxy.process.exitCode, null);
    await writeFile(join(folder, 'child'), good);
    const works = async () => textOf(await callTool(proxy.url, session, 'echo', { text: 'x' }));
    await until(async () => (await works()) === 'x', 31_000);
  });

  it('P4: a hung child: its call ends at the deadline, it is replaced within 5 s, and neighbours notice nothing', async (t) => {
    const folder = await prepareFolder();
    t.after(() => rm(folder, { recursive: true }));
    await using proxy = await startProcess(folder, { CHILD_COUNT: '2', CALL_TIMEOUT: '4' });
    const session = await openSession(proxy.url);
    // Both are there.
    await until(async () => {
      const pids = await Promise.all([pidOf(proxy, session), pidOf(proxy, session)]);
      return pids[0] !== pids[1];
    }, 10_000);
    const hang = async () => {
      const start = performance.now();
      const hung = await callTool(proxy.url, session, 'freeze');
      const took = performance.now() - start;
      assert.deepEqual([hung.error?.code, hung.error?.data?.reason], [-32001, 'timeout']);
      assert.ok(took >= 3_750, `its deadline came after ${took} ms`);
      const replaced = async () =>
        /child_starts_total\{reason="hung"\} 1/.test(await proxy.metrics());
      await until(replaced, 5_000);
    };
    // The first of two that are equal is the one that hangs: it would be the next to get a call.
    const hanging = hang();
    await until(async () => /in_flight 1\b/.test(await proxy.metrics()));
    const { times } = await beside(proxy, hanging);
    assert.ok(Math.max(...times) < 3_000, 'none waited for the hung child');
  });
});

describe('output that is no message', () => {
  let folder: string;
  before(async () => {
    folder = await prepareFolder();
  });
  after(() => rm(folder, { recursive: true }));

  it('P5: 10,000 lines of garbage and 64 MiB without a line break harm no call and stay in no memory', async () => {
    await using proxy = await startProcess(folder, { MESSAGE_LIMIT: String(10 * MIB) });
    const session = await openSession(proxy.url);
    const pid = await pidOf(proxy, session);
    await neighbour(proxy, () => true);
    const echo = () => callTool(proxy.url, session, 'echo', { text: 'x'.repeat(100_000) });
    // What good answers of this size take is no leak.
    for (let i = 0; i < 300; i++) await echo();
    for (let i = 0; i < 3; i++) await callTool(proxy.url, session, 'big', { bytes: 9 * MIB });
    const before = proxy.rss();
    const noise = callTool(proxy.url, session, 'noise', { lines: 10_000 });
    assert.equal(textOf((await beside(proxy, noise)).result), 'quiet again');
    // Alone: an answer that the server writes into the middle of this line would be lost by the server.
    const endless = await callTool(proxy.url, session, 'endless', { mebibytes: 64 });
    assert.equal(textOf(endless), 'ended');
    assert.equal(textOf(await callTool(proxy.url, session, 'scattered')), 'ä€😀');
    const large = await callTool(proxy.url, session, 'big', { bytes: 10 * MIB });
    assert.equal(large.error?.data?.reason, 'result_too_large');
    assert.equal(await pidOf(proxy, session), pid, 'the child was not to blame');
    const grown = () => (proxy.rss() - before) / MIB;
    await until(async () => {
      await echo();
      return grown() <= 32;
    }, 20_000).catch(() => assert.fail(`${grown()} MiB more`));
    assert.equal(proxy.log.filter(({ event }) => event === 'child_message_too_large').length, 2);
  });

  it('P6: 100 MiB of complaints fill no log, are counted, and cost other calls little', async (t) => {
    await using proxy = await startProcess(folder, { LOG_LEVEL: 'debug' });
    const session = await openSession(proxy.url);
    const before = await neighbour(proxy, () => true);
    const alone = [quantile(before, 0.5), quantile(before, 0.99)] as const;
    const flood = callTool(proxy.url, session, 'flood', { mebibytes: 100, text: 'so much' });
    const { times, result } = await beside(proxy, flood);
    assert.equal(textOf(result), 'said');
    const said = () => proxy.log.filter(({ text }) => String(text).startsWith('so much'));
    const dropped = () =>
      proxy.log.reduce((sum, { event, lines }) => {
        return event === 'child_stderr_dropped' ? sum + Number(lines) : sum;
      }, 0);
    const all = (100 * MIB) / 128;
    let more = 0;
    await until(async () => {
      // What was dropped is told with the first line of another second, and may count these too.
      await callTool(proxy.url, session, 'complain', { text: 'one more' });
      more++;
      return said().length + dropped() >= all;
    }, 20_000).catch(() => {});
    const counted = said().length + dropped();
    assert.ok(counted >= all && counted <= all + more, `${counted} of ${all} lines and ${more}`);
    const seconds = Map.groupBy(said(), ({ time }) => String(time).slice(0, 19));
    // The proxy's second and the log's may begin at different moments.
    for (const [second, lines] of seconds)
      assert.ok(lines.length <= 100, `${second}: ${lines.length}`);
    // The median: the slowest ones of a busy machine are slow without any complaint.
    const [median, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
    t.diagnostic(`p99 ${alone[1]} ms alone, ${p99} ms beside it`);
    assert.ok(median <= 2 * alone[0] + 50, `${alone[0]} ms alone, ${median} ms beside it`);
  });
});

describe('the start of a child', () => {
  it('P20: runs no shell, with the same arguments and environment whatever anyone sends', async (t) => {
    const folder = await prepareFolder();
    t.after(() => rm(folder, { recursive: true }));
    // Node itself, so that nothing but the proxy makes its environment.
    await writeFile(join(folder, 'direct'), `#!${process.execPath}\nimport '${FAKE_CHILD}';\n`, {
      mode: 0o755,
    });
    const hostile = 'child; touch hacked & `touch hacked` $(touch hacked) | \'"*.mjs';
    await symlink(join(folder, 'direct'), join(folder, hostile));
    await using proxy = await startProcess(folder, {
      CHILD_COMMAND: join(folder, hostile),
      OUR_OWN: 'nobody else’s',
      NODE_OPTIONS: '--no-warnings',
    });
    const session = await openSession(proxy.url);
    const seen = async () => {
      const pid = await pidOf(proxy, session);
      const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8');
      const [, parent] = read('stat')
        .slice(read('stat').lastIndexOf(')') + 2)
        .split(' ');
      assert.equal(Number(parent), proxy.process.pid, 'nothing stands in between');
      const cwd = /config\.yaml/.exec(read('cmdline'))
        ? read('environ').match(/HOME=([^\0]*)/)?.[1]
        : '';
      const plain = (text: string) =>
        text
          .replaceAll(cwd ?? '', '<folder>')
          .split('\0')
          .filter(Boolean);
      return { argv: plain(read('cmdline')), env: plain(read('environ')) };
    };
    const first = await seen();
    assert.deepEqual(first.argv.slice(1), [
      join(folder, hostile),
      ...['run', '-c', '<folder>/config.yaml', '--no-log-to-file', '--enable-json-logging'],
      ...['--log-level', 'INFO'],
    ]);
    assert.deepEqual(first.env.toSorted(), [
      'HOME=<folder>',
      'LANG=C.UTF-8',
      'PATH=/usr/local/bin:/usr/bin:/bin',
      'PYTHONDONTWRITEBYTECODE=1',
      'PYTHONUNBUFFERED=1',
      'TMPDIR=<folder>',
    ]);
    const given: Json = {
      text: '$(touch hacked); --config /etc/passwd',
      '--eval': '1',
      env: 'X=1',
    };
    await callTool(proxy.url, session, 'echo', given);
    await callTool(proxy.url, session, 'die', given);
    await until(
      async () => textOf(await callTool(proxy.url, session, 'echo', { text: 'x' })) === 'x',
    );
    assert.deepEqual(await seen(), first, 'the next start is the same');
    const names = [folder, join(folder, 'children'), process.cwd()].map((one) => readdir(one));
    assert.ok(!(await Promise.all(names)).flat().includes('hacked'));
  });
});
