/** What clients do to a proxy, at the size and with the times that a user meets: the process itself, no Docker. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import {
  callTool,
  HEADERS,
  KEY,
  OTHER_KEY,
  openSession,
  post,
  prepareFolder,
  startBench,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';
import { tryMalformed } from '../fixtures/proxy/malformed.ts';
import { type ProxyProcess, startProcess } from '../fixtures/proxy/process.ts';

const MIB = 1024 * 1024;
/** Processes that start and stop at the same time. */
const LANES = 5;

let folder: string;
before(async () => {
  folder = await prepareFolder();
});
after(() => rm(folder, { recursive: true, force: true }));

/** A connection that keeps everything it reads as text. */
class Raw {
  readonly socket: Socket;
  text = '';
  closedAt: number | undefined;
  constructor(port: number, start: string) {
    this.socket = connect(port, '127.0.0.1', () => this.socket.write(start));
    // A test that fails leaves nothing that keeps it alive.
    this.socket.unref();
    this.socket.setEncoding('latin1');
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closedAt = performance.now();
    });
  }
  read(): this {
    this.socket.on('data', (piece: string) => {
      this.text += piece;
    });
    return this;
  }
}

const head = (session: string, more: string) =>
  `POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${KEY}\r\nMcp-Session-Id: ${session}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n${more}\r\n`;
const request = (session: string, body: string) =>
  head(session, `Content-Length: ${Buffer.byteLength(body)}\r\n`) + body;

/** Milliseconds that calls of another key take, one after the other, until `done`; the slowest twentieth left out. */
async function p95Until(proxy: ProxyProcess, done: () => boolean): Promise<number> {
  const authorization = `Bearer ${OTHER_KEY}`;
  const session = await openSession(proxy.url, undefined, OTHER_KEY);
  const headers = { authorization, 'mcp-session-id': session };
  const times: number[] = [];
  do {
    const start = performance.now();
    const answer = await post(proxy.url, toolCall('echo', { text: 'served' }), headers);
    assert.match(await answer.text(), /"served"/);
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 20));
  } while (!done() || times.length < 40);
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.95)] ?? 0;
}

/** Half as much again, and 25 ms for a machine that does other things too. */
const bound = (alone: number) => 1.5 * alone + 25;

describe('clients that are slow', () => {
  it('P9: 200 connections with slow headers or bodies are closed with 408 in time, and cost others nothing', async () => {
    await using proxy = await startProcess(folder);
    const session = await openSession(proxy.url);
    const alone = await p95Until(proxy, () => true);
    const start = performance.now();
    const slow = Array.from({ length: 200 }, (_, i) => {
      const headers = `POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Slow: `;
      const body = head(session, 'Content-Length: 1000\r\n');
      const chunked = head(session, 'Transfer-Encoding: chunked\r\n');
      const first = i < 100 ? headers : i % 2 ? body : chunked;
      const drip = i < 100 || i % 2 ? ' ' : '1\r\n \r\n';
      const raw = new Raw(proxy.port, first).read();
      const timer = setInterval(() => raw.socket.writable && raw.socket.write(drip), 1_000);
      raw.socket.on('close', () => clearInterval(timer));
      return raw;
    });
    const over = () => slow.every(({ closedAt }) => closedAt !== undefined);
    const meanwhile = await p95Until(proxy, () => over() || performance.now() - start > 40_000);
    assert.ok(over(), 'all are closed');
    for (const [i, { text, closedAt = 0 }] of slow.entries()) {
      assert.match(text, /^HTTP\/1\.1 408 /, `${i}`);
      assert.ok(closedAt - start <= (i < 100 ? 12_000 : 32_000), `${i}: ${closedAt - start} ms`);
    }
    assert.ok(meanwhile <= bound(alone), `p95 ${alone} ms alone, ${meanwhile} ms with them`);
  });
});

describe('clients that go away', () => {
  it('P8: 1,000 times in the middle of a call cancel nothing and leave nothing behind', async () => {
    await using bench = await startBench({ env: { MAX_IN_FLIGHT: '256' } });
    const session = await openSession(bench.url);
    const headers = { ...HEADERS, 'mcp-session-id': session };
    const inFlight = async () =>
      Number(/^lakehouse_proxy_calls_in_flight\S* (\d+)/m.exec(await bench.metrics())?.[1]);
    for (let wave = 0; wave < 5; wave++) {
      const abort = new AbortController();
      const calls = Array.from({ length: 200 }, async (_, i) => {
        // Half of them have a stream to lose, the others wait for JSON.
        const call =
          i % 2
            ? toolCall('sleep', { ms: 1_000 })
            : toolCall('progress', { steps: 2, ms: 500 }, 1, { progressToken: `${wave}.${i}` });
        const init = { method: 'POST', headers, signal: abort.signal };
        await (await fetch(bench.url, { ...init, body: JSON.stringify(call) })).text();
      });
      const ends = Promise.allSettled(calls);
      await until(async () => (await inFlight()) === 200);
      abort.abort();
      assert.ok((await ends).every(({ status }) => status === 'rejected'));
      await until(async () => (await inFlight()) === 0);
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
});

describe('requests that are not as they should be', () => {
  it('P10: 10,000 of them get one answer each, of the right kind, and none reaches the server', async () => {
    await using proxy = await startProcess(folder);
    const session = await openSession(proxy.url);
    const seed = Date.now() % 1e9;
    const wrong = await tryMalformed({ port: proxy.port, session, seed }, 10_000);
    assert.deepEqual(wrong, [], `with seed ${seed}`);
    const metrics = await proxy.metrics();
    assert.doesNotMatch(metrics, /^lakehouse_proxy_calls_total/m);
    assert.doesNotMatch(metrics, /http_responses_total\S*status="5/);
    const deep = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}}`;
    const start = performance.now();
    assert.equal((await post(proxy.url, deep, { 'mcp-session-id': session })).status, 400);
    assert.ok(performance.now() - start <= 100);
  });
});

describe('the end of the process', () => {
  it('P17: SIGTERM while streaming, 50 times: not ready at once, every call answered, exit 0, nothing left', async () => {
    const stopped = async (run: number) => {
      const proxy = await startProcess(folder, { DRAIN_TIMEOUT: run % 2 ? '1' : '10' });
      const session = await openSession(proxy.url);
      const pid = JSON.parse(textOf(await callTool(proxy.url, session, 'environment'))).pid;
      // With little time for the drain, the call does not end within it and is told so.
      const ms = run % 2 ? 3_000 : 100;
      const call = toolCall('progress', { steps: 3, ms }, 1, { progressToken: 'p' });
      const response = await post(proxy.url, call, { 'mcp-session-id': session });
      const start = performance.now();
      proxy.process.kill('SIGTERM');
      await until(async () => (await proxy.readyCodes()).includes('draining'));
      assert.ok(performance.now() - start <= 250, 'not ready at once');
      const last = JSON.parse((await response.text()).trim().split('data: ').at(-1) ?? '');
      assert.equal(last.id, 1);
      assert.ok(run % 2 ? last.error : last.result, JSON.stringify(last));
      assert.deepEqual(await proxy.exit, { code: 0, signal: null });
      assert.ok(performance.now() - start <= 12_000);
      assert.throws(() => readFileSync(`/proc/${pid}/cmdline`), /ENOENT|ESRCH/);
    };
    const lane = async (number: number) => {
      for (let run = number; run < 50; run += LANES) await stopped(run);
    };
    await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  });

  it('P18: 64 descriptors: the process survives more connections than that, and serves within 5 s of their end', async () => {
    await using proxy = await startProcess(folder, {}, { descriptors: 64 });
    const session = await openSession(proxy.url);
    const sockets = Array.from({ length: 200 }, () => {
      const socket = connect(proxy.port, '127.0.0.1');
      socket.on('error', () => {});
      return socket;
    });
    await Promise.allSettled(sockets.map((socket) => once(socket, 'connect')));
    const ping = request(session, '{"jsonrpc":"2.0","id":1,"method":"ping"}');
    for (const socket of sockets) socket.write(ping);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.equal(proxy.process.exitCode, null);
    for (const socket of sockets) socket.destroy();
    const serves = async () => {
      const answer = await callTool(proxy.url, session, 'echo', { text: 'x' }).catch(
        () => undefined,
      );
      return answer !== undefined && textOf(answer) === 'x';
    };
    await until(serves, 5_000);
    assert.equal(proxy.process.exitCode, null);
  });
});
