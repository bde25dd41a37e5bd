/** What clients do to a proxy, at the size and with the times that a user meets: the process itself, no Docker. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { callWithEqualIds } from '../fixtures/proxy/equal-ids.ts';
import {
  callTool,
  HEADERS,
  KEY,
  openSession,
  post,
  prepareFolder,
  startBench,
  textOf,
  toolCall,
  until,
  writeTokenFile,
} from '../fixtures/proxy/harness.ts';
import { tryMalformed } from '../fixtures/proxy/malformed.ts';
import { startProcess } from '../fixtures/proxy/process.ts';
import { Raw, request } from '../fixtures/proxy/raw.ts';

const MIB = 1024 * 1024;

let folder: string;
before(async () => {
  folder = await prepareFolder();
});
after(() => rm(folder, { recursive: true, force: true }));

describe('clients that go away', () => {
  it('P8, fault 18: 1,000 times in the middle of a call cancel nothing and leave nothing behind', async () => {
    await using bench = await startBench({ env: { MAX_IN_FLIGHT: '256' } });
    const session = await openSession(bench.url);
    const headers = { ...HEADERS, 'mcp-session-id': session };
    const inFlight = async () =>
      Number(/^lakehouse_proxy_calls_in_flight\S* (\d+)/m.exec(await bench.metrics())?.[1]);
    for (let wave = 0; wave < 5; wave++) {
      const abort = new AbortController();
      const calls = Array.from({ length: 200 }, async (_, i) => {
        // Half of them have a stream to lose, the others wait for JSON.
        const id = `${wave}.${i}`;
        const body = JSON.stringify(
          toolCall('wait', {}, id, i % 2 ? undefined : { progressToken: id }),
        );
        await (
          await fetch(bench.url, { method: 'POST', headers, body, signal: abort.signal })
        ).text();
      });
      const ends = Promise.allSettled(calls);
      await until(async () => (await inFlight()) === 200, 30_000);
      abort.abort();
      assert.ok((await ends).every(({ status }) => status === 'rejected'));
      assert.equal(await inFlight(), 200, 'all of them go on');
      await callTool(bench.url, session, 'go');
      await until(async () => (await inFlight()) === 0, 30_000);
    }
    assert.equal(textOf(await callTool(bench.url, session, 'cancelled')), '[]');
    assert.deepEqual(
      bench.log.filter(({ event }) => event === 'request_failed'),
      [],
    );
    const outcomes = bench.log.flatMap(({ audit, outcome }) => (audit ? [outcome] : []));
    assert.deepEqual(new Set(outcomes), new Set(['ok']));
    const kept = /^lakehouse_proxy_kept_bytes\S* (\d+)/m.exec(await bench.metrics())?.[1];
    assert.ok(Number(kept) < 2 * MIB, `kept ${kept}`);
  });

  it('fault 18: before their request is read, and after their answer, leaves nothing behind either', async () => {
    await using bench = await startBench();
    const session = await openSession(bench.url);
    const echo = request(session, toolCall('echo', { text: 'x' }));
    for (let i = 0; i < 200; i++) {
      const after = i % 2 === 1;
      const raw = new Raw(bench.proxy.port, echo).read();
      await once(raw.socket, 'connect');
      if (after) await until(() => raw.text.includes('"result"'));
      if (i % 4 < 2) raw.socket.resetAndDestroy();
      else raw.socket.end();
      await until(() => raw.closed);
    }
    await until(async () => /^lakehouse_proxy_calls_in_flight 0$/m.test(await bench.metrics()));
    assert.equal(textOf(await callTool(bench.url, session, 'cancelled')), '[]');
    const bad = bench.log.filter(
      ({ event, level }) => event === 'request_failed' || level === 'error',
    );
    assert.deepEqual(bad, []);
  });
});

describe('clients that count alike', () => {
  it('P13, fault 30: 50 of them with equal ids over 2,000 calls: each answer reaches the one who asked', () =>
    callWithEqualIds(50, 2_000));
});

describe('requests that are not as they should be', () => {
  it('P10, fault 22: 10,000 of them get one answer each, of the right kind, and none reaches the server', async () => {
    await using proxy = await startProcess(folder);
    const session = await openSession(proxy.url);
    const seed = Date.now() % 1e9;
    const wrong = await tryMalformed({ port: proxy.port, session, seed }, 10_000);
    assert.deepEqual(wrong, [], `with seed ${seed}`);
    const metrics = await proxy.metrics();
    assert.doesNotMatch(metrics, /^lakehouse_proxy_calls_total/m);
    assert.doesNotMatch(metrics, /http_responses_total\S*status="5/);
    const deep = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}}`;
    assert.equal((await post(proxy.url, deep, { 'mcp-session-id': session })).status, 400);
  });
});

describe('a process with few descriptors', () => {
  it('P18, fault 24: of 64 descriptors survives more connections than that, and serves when they end', async (t) => {
    const own = await prepareFolder();
    t.after(() => rm(own, { recursive: true, force: true }));
    await using proxy = await startProcess(own, {}, { descriptors: 64 });
    const session = await openSession(proxy.url);
    const descriptors = () => readdirSync(`/proc/${proxy.process.pid}/fd`).length;
    const before = descriptors();
    const ping = request(session, '{"jsonrpc":"2.0","id":1,"method":"ping"}');
    const many = Array.from({ length: 200 }, () => new Raw(proxy.port, ping).read());
    // Whoever gets no descriptor is closed without an answer.
    const refused = () => many.filter(({ text, closed }) => closed && text === '').length;
    await until(() => refused() > 100, 30_000);
    assert.ok(many.filter(({ text }) => text.includes('"result"')).length < 64);
    assert.equal(proxy.process.exitCode, null);
    // What changes now cannot be read, and must not be missed for that.
    const nextKey = 'the-next-key-of-the-first-client';
    await writeTokenFile(own, 'token-that-came-at-a-bad-time');
    await writeFile(join(own, 'keys.json'), JSON.stringify({ first: [KEY, nextKey] }));
    for (const event of ['keys_unusable', 'token_unusable'])
      await until(
        () => proxy.log.some((line) => line.event === event && /EMFILE/.test(JSON.stringify(line))),
        10_000,
      );
    for (const { socket } of many) socket.destroy();
    const serves = async () => {
      const next = new Raw(proxy.port, ping).read();
      await until(() => next.closed || next.text.includes('"result"'));
      next.socket.destroy();
      return next.text.includes('"result"');
    };
    await until(serves, 5_000);
    const known = async () => {
      const headers = { authorization: `Bearer ${nextKey}`, 'mcp-session-id': session };
      return (await post(proxy.url, toolCall('echo'), headers)).status === 200;
    };
    const hasToken = async () => !(await proxy.readyCodes()).some((code) => /^token/.test(code));
    await until(async () => (await known()) && (await hasToken()), 5_000);
    assert.equal(proxy.process.exitCode, null);
    // Some connections are kept for a while; none of what the refused ones took is.
    await until(() => descriptors() <= before + 5, 5_000);
  });
});
