/** Each way in which a child, its start or its token can fail, and what its calls and the others see of it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { chown, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../../images/kit/src/clock.ts';
import { WATCH } from '../../images/proxy/src/upstream/stdio/life.ts';
import {
  callTool,
  openSession,
  prepareFolder,
  startBench,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';
import { fakeLaunch, poolFor } from '../fixtures/proxy/pool.ts';
import { type ProxyProcess, startProcess } from '../fixtures/proxy/process.ts';
import { startScriptedDremio } from '../fixtures/proxy/scripted-dremio.ts';
import { SteppedClock } from '../helpers/stepped-clock.ts';

const MIB = 1024 * 1024;

const isAlive = (pid: number) => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

/** A clock that the test moves; with real processes, so that each step is waited for by what it does. */
const steppedPool = (t: Parameters<typeof poolFor>[0], options: Parameters<typeof poolFor>[1]) => {
  const clock = new SteppedClock();
  const pool = poolFor(t, { clock: clock.participant(), ...options });
  const ended = () => pool.errors.filter(({ event }) => event === 'child_ended').length;
  return { ...pool, clock, ended };
};

describe('a crash loop in a pool of three', () => {
  it('P3: of all children: each is started at most 5 times in 10 s, then once in 30 s, and calls are told when', async (t) => {
    let works = false;
    const launch = async () => fakeLaunch(...(works ? [] : ['--exit=3']));
    const { upstream, clock, ended, starts, call } = steppedPool(t, { count: 3, launch });
    const begin = clock.now();
    const times: number[] = [];
    for (const pause of [1_000, 1_000, 2_000, 4_000, 30_000, 30_000]) {
      await until(() => ended() === starts.length && starts.length === times.length + 3);
      times.push(...Array(3).fill(clock.now() - begin));
      if (pause < 30_000) assert.equal(upstream.health()[0]?.code, 'child_restarting');
      else {
        const answer = await call(toolCall('echo'));
        assert.equal(answer.outcome, 'unavailable');
        assert.ok((answer.retryAfter ?? 0) > 0 && (answer.retryAfter ?? 0) <= 30);
        assert.match(answer.text, /"reason":"child_crash_loop"/);
      }
      await clock.advance(pause - 1);
      assert.equal(starts.length, times.length, 'none before its time');
      await clock.advance(1);
    }
    assert.equal(times.filter((at) => at < 10_000).length, 3 * 5);
    await until(() => ended() === starts.length);
    works = true;
    await clock.advance(30_000);
    await until(() => upstream.health().length === 0 && upstream.children().alive === 3);
    assert.equal((await call(toolCall('echo'))).outcome, 'ok');
  });

  it('P3: of one child: it is started as rarely, and the others serve every call', async (t) => {
    let launches = 0;
    let works = false;
    const launch = async () => fakeLaunch(...(++launches <= 2 || works ? [] : ['--exit=3']));
    const { upstream, clock, ended, starts, call } = steppedPool(t, { count: 3, launch });
    for (const [i, pause] of [1_000, 1_000, 2_000, 4_000, 30_000].entries()) {
      await until(() => ended() === i + 1 && starts.length === i + 3);
      await until(() => upstream.health().length === 0);
      const answers = await Promise.all(Array.from({ length: 8 }, () => call(toolCall('echo'))));
      assert.ok(answers.every(({ outcome }) => outcome === 'ok'));
      await clock.advance(pause);
    }
    await until(() => ended() === 6);
    works = true;
    await clock.advance(30_000);
    await until(() => upstream.children().alive === 3);
  });
});

describe('the end of a child', { concurrency: true }, () => {
  it('fault 6: one that ignores the end of its input and SIGTERM is killed after 4 s', async (t) => {
    const clock = new SteppedClock();
    const launch = async () => fakeLaunch('--stubborn');
    const participant = clock.participant();
    const { upstream, state } = poolFor(t, { clock: participant, launch });
    const { pid } = await state();
    const stopped = upstream.stop();
    for (const ms of [2_000, 1_999]) {
      await until(() => clock.sleeping > 0);
      await clock.advance(ms);
      assert.ok(isAlive(pid), 'it has the time to end by itself');
    }
    await until(() => clock.sleeping > 0);
    participant.leave();
    await clock.advance(1);
    await stopped;
    await until(() => !isAlive(pid));
  });

  it('fault 7: a grandchild that left the group and holds the output keeps no call waiting', async (t) => {
    const { call, starts } = poolFor(t);
    const { text } = await call(toolCall('grandchild', { leaves: true }));
    const grandchild = Number(/\\"pid\\":(\d+)/.exec(text)?.[1]);
    t.after(() => process.kill(grandchild));
    assert.equal((await call(toolCall('die'))).outcome, 'child_died');
    assert.equal((await call(toolCall('echo'))).outcome, 'ok');
    assert.deepEqual(starts, ['first', 'killed']);
    assert.ok(isAlive(grandchild), 'it still held the pipe');
  });

  it('fault 13: one that stops reading gets no more than the bound, is replaced, and its calls fail', async (t) => {
    const { call, starts } = poolFor(t, {
      watch: { ...WATCH, pingEveryMs: 500, pingPatienceMs: 2_000 },
    });
    assert.equal((await call(toolCall('stop_reading'))).outcome, 'ok');
    const text = 'x'.repeat(MIB);
    const calls = [];
    for (let i = 0; i < 50; i++) {
      calls.push(call(toolCall('echo', { text })));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const answers = await Promise.all(calls);
    const refused = answers.filter(({ outcome }) => outcome === 'unavailable');
    const died = answers.filter(({ outcome }) => outcome === 'child_died');
    assert.deepEqual(
      [...new Set(answers.map(({ outcome }) => outcome))],
      ['child_died', 'unavailable'],
    );
    assert.ok(died.length >= 30 && died.length <= 35, `${died.length} MiB were sent`);
    for (const { text, retryAfter } of refused) {
      assert.equal(retryAfter, 1);
      assert.match(text, /"reason":"busy"/);
    }
    assert.equal((await call(toolCall('echo', { text: 'x' }))).outcome, 'ok');
    assert.deepEqual(starts, ['first', 'hung']);
  });

  it('fault 14: one that closed its input is replaced at the next call, long before a ping', async (t) => {
    const { call, starts } = poolFor(t);
    assert.equal((await call(toolCall('close_input'))).outcome, 'ok');
    const late = AbortSignal.timeout(10_000);
    assert.equal((await call(toolCall('echo'), late)).outcome, 'child_died');
    assert.equal((await call(toolCall('echo'))).outcome, 'ok');
    assert.equal(starts.length, 2);
  });

  it('fault 27: a successor that does not start leaves the old child in its place, and is tried again later', async (t) => {
    let launches = 0;
    let minutes = 0;
    const clock = { ...systemClock, now: () => Date.now() + minutes * 60_000 };
    const { call, state, starts } = poolFor(t, {
      launch: async () => fakeLaunch(...(++launches === 2 ? ['--exit=1'] : [])),
      limits: { maxCalls: 5, maxAgeMs: 0, maxMemory: 0 },
      clock,
    });
    const { pid } = await state();
    for (let i = 0; i < 50; i++) assert.equal((await call(toolCall('echo'))).outcome, 'ok');
    await until(() => launches === 2);
    assert.equal((await state()).pid, pid);
    assert.deepEqual(starts, ['first', 'recycled']);
    minutes++;
    await until(async () => (await state()).pid !== pid, 10_000);
    assert.deepEqual(starts, ['first', 'recycled', 'recycled']);
  });
});

describe('a machine without room for a child', () => {
  const serves = async (proxy: ProxyProcess, session: string) => {
    const answer = await callTool(proxy.url, session, 'echo', { text: 'x' }).catch(() => undefined);
    return answer !== undefined && textOf(answer) === 'x';
  };
  /** Kills the child while no other can be started, and gives what the log says of that. */
  async function withoutRoom(
    { proxy, session, user = 0 }: { proxy: ProxyProcess; session: string; user?: number },
    what: string,
    count: number,
  ) {
    const state = await callTool(proxy.url, session, 'state');
    const { pid } = JSON.parse(textOf(state)) as { pid: number };
    const as = ['setpriv', '--reuid', `${user}`, '--regid', `${user}`, '--clear-groups'];
    const prlimit = (...words: string[]) => {
      const [command = '', ...rest] = user === 0 ? ['prlimit'] : [...as, 'prlimit'];
      return execFileSync(command, [...rest, '--pid', `${proxy.process.pid}`, ...words]).toString();
    };
    const usual = prlimit(`--${what}`, '--noheadings', '--output', 'SOFT').trim();
    const seen = () => proxy.log.filter(({ event }) => event === 'child_ended').length;
    const known = seen();
    prlimit(`--${what}=${count}:`);
    process.kill(pid, 'SIGKILL');
    await until(() => seen() >= known + 2, 10_000);
    prlimit(`--${what}=${usual}:`);
    await until(() => serves(proxy, session), 20_000);
    assert.equal(proxy.process.exitCode, null);
    return proxy.log.filter(({ event }) => event === 'child_ended').map(({ why }) => String(why));
  }

  it('fault 15: EMFILE: no descriptor is left for pipes; the proxy goes on, and has a child as soon as it can', async (t) => {
    const folder = await prepareFolder();
    t.after(() => rm(folder, { recursive: true }));
    await using proxy = await startProcess(folder);
    const session = await openSession(proxy.url);
    // Below what it has: what the child leaves free is too little for another.
    const open = readdirSync(`/proc/${proxy.process.pid}/fd`).length;
    const why = await withoutRoom({ proxy, session }, 'nofile', open - 1);
    assert.match(why.join('\n'), /EMFILE/);
    await until(async () => (await readdir(join(folder, 'children'))).length === 1);
  });

  const root = process.getuid?.() === 0;
  const skip = root ? false : 'needs root, to run the proxy as a user of its own';
  it('fault 15: EAGAIN: no process may be started; the proxy goes on, and has a child as soon as it can', {
    skip,
  }, async (t) => {
    const user = 34_567;
    const folder = await prepareFolder();
    t.after(() => rm(folder, { recursive: true }));
    for (const name of ['', ...(await readdir(folder))])
      await chown(join(folder, name), user, user);
    await using proxy = await startProcess(folder, {}, { user });
    const session = await openSession(proxy.url);
    assert.match((await withoutRoom({ proxy, session, user }, 'nproc', 1)).join('\n'), /EAGAIN/);
  });
});

describe('a token that changes', () => {
  it('fault 27: twice while a child is being replaced, missing and broken in between: no call fails, none has an old token', async () => {
    const dremio = await startScriptedDremio();
    await using bench = await startBench({
      token: 'login-token-number-0',
      env: { DREMIO_URL: dremio.url.href, CHILD_MAX_CALLS: '3', TOKEN_WAIT: '20' },
    });
    const session = await openSession(bench.url);
    const call = async (afterMs = 0) => {
      const given = { path: '/api/v3/job/1', afterMs };
      const answer = await callTool(bench.url, session, 'dremio', given);
      return JSON.parse(textOf(answer) || '{}').status as number;
    };
    const last = () => dremio.asked.at(-1)?.headers.authorization;
    const starts = async () =>
      Number(/starts_total\{reason="recycled"\} (\d+)/.exec(await bench.metrics())?.[1] ?? 0);
    const draining = call(1_500);
    for (let i = 0; i < 2; i++) assert.equal(await call(), 200);
    await until(async () => (await starts()) === 1);
    for (const number of [1, 2]) {
      await bench.writeToken(`login-token-number-${number}`);
      assert.equal(await call(), 200);
      assert.equal(last(), `Bearer login-token-number-${number}`);
    }
    assert.equal(await draining, 200, 'the old child asks with the new token');
    assert.equal(last(), 'Bearer login-token-number-2');
    const file = join(bench.folder, 'token.json');
    for (const spoil of [() => rm(file), () => writeFile(file, '{"token":"half')]) {
      await spoil();
      await until(async () => (await bench.ready()).codes.some((code) => /^token_/.test(code)));
      const waiting = [call(), call(100)];
      await until(async () => /in_flight 2\b/.test(await bench.metrics()));
      await bench.writeToken('login-token-number-3');
      // The first to meet the lack waits for its end; the others come when it is over.
      assert.equal(await waiting[0], 200);
      await waiting[1];
      assert.equal(last(), 'Bearer login-token-number-3');
    }
    await dremio.close();
  });
});
