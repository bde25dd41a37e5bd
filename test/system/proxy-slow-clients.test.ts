/** Clients that send or take too slowly, or nothing at all, with the times that a user meets. They wait side by side. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { after, before, describe, it } from 'node:test';
import {
  callTool,
  HEADERS,
  openSession,
  post,
  prepareFolder,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';
import { type ProxyProcess, startProcess } from '../fixtures/proxy/process.ts';
import { head, Raw, request } from '../fixtures/proxy/raw.ts';

/** What a busy machine may add to a time that is promised. */
const LATE_MS = 5_000;

let folder: string;
before(async () => {
  folder = await prepareFolder();
});
after(() => rm(folder, { recursive: true, force: true }));

/** Calls on one kept connection, one after the other, each answered rightly, until `done`. @returns how many */
async function served(
  { port, url }: ProxyProcess,
  done: () => boolean | Promise<boolean>,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const session = await openSession(url);
  const body = JSON.stringify(toolCall('echo', { text: 'served' }));
  const headers = { ...HEADERS, 'mcp-session-id': session, 'content-length': body.length };
  const call = () =>
    new Promise<string>((resolve, reject) => {
      const sent = httpRequest({ port, agent, path: '/mcp', method: 'POST', headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        answer.on('end', () => resolve(text));
      });
      sent.on('error', reject).end(body);
    });
  let count = 0;
  do {
    assert.match(await call(), /"served"/);
    count++;
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (!(await done()));
  agent.destroy();
  return count;
}

describe('clients that are slow', { concurrency: true }, () => {
  it('P9: 200 connections with slow headers or bodies are closed with 408 in time, and others are served', async () => {
    await using proxy = await startProcess(folder);
    const session = await openSession(proxy.url);
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
    const over = () => slow.every(({ closed }) => closed);
    const calls = await served(proxy, () => over() || performance.now() - start > 60_000);
    assert.ok(over(), 'all are closed');
    assert.ok(calls > 100, `${calls} calls of another client`);
    for (const [i, { text, closedAt = 0 }] of slow.entries()) {
      assert.match(text, /^HTTP\/1\.1 408 /, `${i}`);
      const promised = i < 100 ? 12_000 : 32_000;
      assert.ok(closedAt - start <= promised + LATE_MS, `${i}: ${closedAt - start} ms`);
    }
  });

  it('P7: 100 clients that never read their 1 MiB answers are cut in time, and others are served', async () => {
    await using proxy = await startProcess(folder);
    const session = await openSession(proxy.url);
    // The system itself takes some of these, and some are refused while all want one: enough are left.
    const many = request(session, toolCall('big', { bytes: 1024 * 1024 })).repeat(64);
    const deaf = Array.from({ length: 100 }, () => new Raw(proxy.port, many));
    const start = performance.now();
    const cut = async () => {
      const found = (await proxy.metrics()).matchAll(/^lakehouse_proxy_clients_cut\S* (\d+)/gm);
      return [...found].reduce((sum, [, count]) => sum + Number(count), 0);
    };
    // The answers before they are stuck take their time, too; how long they are stuck is a benchmark's to measure.
    const done = async () => (await cut()) >= 100 || performance.now() - start > 120_000;
    const calls = await served(proxy, done);
    assert.equal(await cut(), 100);
    assert.ok(calls > 50, `${calls} calls of another client`);
    for (const { socket } of deaf) socket.destroy();
  });

  const descriptors = Number(execFileSync('/bin/sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }));
  it('fault 21: of 10,000 idle connections most are refused and the rest cut in time; who was there is served', {
    skip: descriptors < 12_000 && `needs 12,000 open files, and ulimit -Hn is ${descriptors}`,
  }, async () => {
    await using proxy = await startProcess(folder);
    const { pid } = proxy.process;
    const descriptorsOpen = () => readdirSync(`/proc/${pid}/fd`).length;
    await callTool(proxy.url, await openSession(proxy.url), 'echo');
    const own = descriptorsOpen();
    const idle: Raw[] = [];
    let most = 0;
    let start = performance.now();
    const flood = async () => {
      while (idle.length < 10_000) {
        const some = Array.from({ length: 250 }, () => new Raw(proxy.port).read());
        idle.push(...some);
        await until(() => some.every(({ socket, closed }) => closed || !socket.connecting), 30_000);
        most = Math.max(most, descriptorsOpen());
      }
      start = performance.now();
    };
    let flooded = false;
    const flooding = flood().finally(() => {
      flooded = true;
    });
    const over = () => flooded && idle.every(({ closed }) => closed);
    const calls = await served(proxy, () => over() || performance.now() - start > 60_000);
    await flooding;
    assert.ok(over(), `${idle.filter(({ closed }) => !closed).length} are left`);
    assert.ok(calls > 10, `${calls} calls of the client that was there before`);
    assert.ok(most - own > 1_000 && most - own < 4_200, `${most - own} connections at once`);
    const last = Math.max(...idle.map(({ closedAt = 0 }) => closedAt));
    assert.ok(last - start <= 12_000 + LATE_MS, `the last was cut after ${last - start} ms`);
    const refused = idle.filter(({ text }) => text === '').length;
    assert.ok(refused > 1_000, `${refused} refused`);
    const cut = idle.filter(({ text }) => text.startsWith('HTTP/1.1 408')).length;
    assert.equal(refused + cut, 10_000);
    const session = await openSession(proxy.url);
    const answer = await callTool(proxy.url, session, 'echo', { text: 'new' });
    assert.equal(textOf(answer), 'new', 'whoever comes then is served');
  });
});

it('fault 20: a body that breaks off, by an end or a reset, reaches nobody and harms nobody', async () => {
  await using proxy = await startProcess(folder);
  const session = await openSession(proxy.url);
  const whole = request(session, toolCall('echo', { text: 'x'.repeat(10_000) }));
  const chunked = `${head(session, 'Transfer-Encoding: chunked\r\n')}400\r\n${'x'.repeat(0x400)}\r\n`;
  for (let i = 0; i < 200; i++) {
    const raw = new Raw(proxy.port, i % 4 < 2 ? whole.slice(0, -1 - i * 10) : chunked).read();
    await until(() => raw.socket.bytesWritten > 0);
    if (i % 2) raw.socket.end();
    else raw.socket.resetAndDestroy();
    await until(() => raw.closed);
    assert.match(
      raw.text,
      /^(HTTP\/1\.1 400 [\s\S]*)?$/,
      'no answer, or one that says it was wrong',
    );
  }
  const metrics = await proxy.metrics();
  assert.doesNotMatch(metrics, /^lakehouse_proxy_calls_total/m);
  assert.doesNotMatch(metrics, /http_responses_total\S*status="5/);
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  assert.equal((await post(proxy.url, ping, { 'mcp-session-id': session })).status, 200);
});
