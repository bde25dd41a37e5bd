import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { systemClock } from '../../images/kit/src/clock.ts';
import { createLogger } from '../../images/kit/src/logger.ts';
import { type ClientRequest, parsePayload } from '../../images/proxy/src/jsonrpc/message.ts';
import { HttpUpstream } from '../../images/proxy/src/upstream/http/http-upstream.ts';
import {
  type Bench,
  callTool,
  type Json,
  openSession,
  post,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';
import { bridge, EVENTS, event, hear } from '../fixtures/proxy/remote-bench.ts';
import { type Asked, QUERY_TOOL, serveScript, serveSdk } from '../fixtures/proxy/remote-server.ts';

const CHANGED = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };
const UPDATED = {
  jsonrpc: '2.0',
  method: 'notifications/resources/updated',
  params: { uri: 'x://y' },
};

/** Asks for a list and gives the names in it. */
async function list(url: string, session: string, method = 'tools/list'): Promise<string[]> {
  const body = { jsonrpc: '2.0', id: 1, method };
  const response = await post(url, body, { 'mcp-session-id': session });
  const { result } = (await response.json()) as { result: Record<string, { name: string }[]> };
  return (result[method.split('/')[0] ?? ''] ?? []).map(({ name }) => name);
}

/** Waits until the proxy has opened the server's own stream so many times. */
const hears = (bench: Bench, times = 1) =>
  until(async () => {
    const opened = /requests_total\{method="stream",status="200"[^}]*\} (\d+)/.exec(
      await bench.metrics(),
    );
    return Number(opened?.[1]) >= times;
  }, 10_000);

/** A server with sessions, an own stream, and a list of tools that a test changes. */
async function serveLists(more: (asked: Asked) => boolean = () => false) {
  const state = {
    opened: 0,
    asked: 0,
    tools: [QUERY_TOOL.name],
    /** Own streams of the server that are open. */
    streams: new Set<ServerResponse>(),
    known: new Set<string>(),
    listChanged: true,
  };
  const server = await serveScript((asked) => {
    const { http, message, response, answer } = asked;
    if (message?.method === 'initialize') {
      const id = `session-${++state.opened}`;
      state.known.add(id);
      const capabilities = { tools: { listChanged: state.listChanged }, prompts: {} };
      const serverInfo = { name: 'lists', version: '1' };
      answer({ protocolVersion: '2025-06-18', capabilities, serverInfo }, { 'mcp-session-id': id });
    } else if (!state.known.has(String(http.headers['mcp-session-id'])))
      response.writeHead(404).end();
    else if (more(asked)) return true;
    else if (http.method === 'GET') {
      response.writeHead(200, EVENTS).flushHeaders();
      state.streams.add(response);
      response.on('close', () => state.streams.delete(response));
    } else if (message?.method === 'tools/list') {
      state.asked++;
      answer({ tools: state.tools.map((name) => ({ ...QUERY_TOOL, name })) });
    } else return false;
    return true;
  });
  return Object.assign(state, server, {
    say: (message: Json) => {
      for (const stream of state.streams) stream.write(event(message));
    },
  });
}

describe('the lists of a remote server', () => {
  it('are asked for once, however many clients ask, until the server says that they changed', async () => {
    await using server = await serveSdk({ stateful: true, json: false });
    await using bench = await bridge(server.url);
    await hears(bench);
    const asked = () => server.seen.filter((one) => one === 'POST tools/list').length;
    const sessions = await Promise.all([1, 2, 3].map(() => openSession(bench.url)));
    const first = sessions[0] ?? '';
    await list(bench.url, first);
    const before = asked();
    const lists = await Promise.all(
      Array.from({ length: 30 }, (_, n) => list(bench.url, sessions[n % 3] ?? '')),
    );
    for (const one of lists) assert.deepEqual(one, ['echo', 'steps', 'wait']);
    assert.equal(asked(), before);
    await server.addTool('later');
    await until(async () => (await list(bench.url, first)).includes('later'));
    // Once for clients, once for the names of tools.
    await until(() => asked() === before + 2);
    await list(bench.url, first);
    assert.equal(asked(), before + 2);
  });

  it('are shared by those who ask at the same time, and not when the answer is an error', async () => {
    let prompts = 0;
    let fail = true;
    await using server = await serveLists(({ message, answer, response }) => {
      if (message?.method !== 'prompts/list') return false;
      prompts++;
      const error = { jsonrpc: '2.0', id: message.id, error: { code: -32603, message: 'no' } };
      setTimeout(() => {
        if (fail) response.writeHead(200, EVENTS).end(event(error));
        else answer({ prompts: [{ name: 'p' }] });
      }, 50);
      return true;
    });
    await using bench = await bridge(server.url);
    await hears(bench);
    const session = await openSession(bench.url);
    const body = { jsonrpc: '2.0', id: 1, method: 'prompts/list' };
    const failed = await post(bench.url, body, { 'mcp-session-id': session });
    assert.match(await failed.text(), /-32603/);
    fail = false;
    const lists = await Promise.all([1, 2, 3].map(() => list(bench.url, session, 'prompts/list')));
    assert.deepEqual([lists, prompts], [[['p'], ['p'], ['p']], 2]);
  });

  it('are asked for anew in a new session; clients hear once that they differ', async () => {
    await using server = await serveLists();
    await using bench = await bridge(server.url);
    const session = await openSession(bench.url);
    await hears(bench);
    const client = await hear(bench.url, session);
    assert.deepEqual(await list(bench.url, session), ['query']);
    server.known.clear();
    await callTool(bench.url, session, 'query');
    await hears(bench, 2);
    assert.deepEqual(await list(bench.url, session), ['query']);
    assert.equal(client.count('list_changed'), 0);
    server.tools = ['query', 'more'];
    server.known.clear();
    await callTool(bench.url, session, 'query');
    // They need not ask for that.
    await until(() => client.count('list_changed') === 1);
    assert.deepEqual(await list(bench.url, session), ['query', 'more']);
    assert.equal(client.count('list_changed'), 1);
    await client.close();
  });

  it('are asked for anew when the stream was away on which the server would have said so', async () => {
    await using server = await serveLists();
    await using bench = await bridge(server.url);
    const session = await openSession(bench.url);
    await hears(bench);
    const client = await hear(bench.url, session);
    await list(bench.url, session);
    server.tools = ['query', 'missed'];
    for (const stream of server.streams) stream.end();
    await until(() => client.count('list_changed') === 1, 10_000);
    assert.deepEqual(await list(bench.url, session), ['query', 'missed']);
    await client.close();
  });

  for (const [what, listChanged, hasStream] of [
    ['offers no stream', true, false],
    ['says that it would not say so', false, true],
  ] as const)
    it(`hold for a minute when the server ${what}`, async () => {
      await using server = await serveLists(({ http, response }) => {
        if (hasStream || http.method !== 'GET') return false;
        response.writeHead(405).end();
        return true;
      });
      server.listChanged = listChanged;
      let shift = 0;
      let opened = false;
      const upstream = new HttpUpstream({
        url: new URL(server.url),
        authorities: undefined,
        host: undefined,
        errorStatus: undefined,
        clientInfo: { name: 'test', version: '1' },
        messageLimit: 1_000_000,
        startPatienceMs: 5_000,
        maxInFlight: 8,
        clock: { ...systemClock, now: () => Date.now() + shift },
        log: createLogger({ service: 'test', level: 'error', destination: { write: () => {} } }),
        onAnswer: (label) => {
          if (label === 'stream') setImmediate(() => (opened = true));
        },
      });
      try {
        const heard: string[] = [];
        upstream.listen({ onMessage: (message) => heard.push(String(message)) });
        const body = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
        const [request] = parsePayload(body).messages as ClientRequest[];
        assert.ok(request);
        const names = async () => {
          const { message } = await upstream.call(request, {
            caller: { principal: 'p', session: 's' },
            onMessage: () => {},
            signal: AbortSignal.timeout(5_000),
          });
          return Buffer.concat([...message]).toString();
        };
        await names();
        if (hasStream) await until(() => opened);
        await names();
        const asked = server.asked;
        server.tools = ['query', 'new'];
        shift = 59_000;
        assert.doesNotMatch(await names(), /"new"/);
        assert.equal(server.asked, asked);
        assert.equal(heard.length, 0);
        shift = 61_000;
        assert.match(await names(), /"new"/);
        assert.equal(server.asked, asked + 1);
        // Others who asked before hear of it.
        assert.deepEqual(heard, [JSON.stringify(CHANGED)]);
      } finally {
        await upstream.stop();
      }
    });
});

describe('what a remote server says on its own account', () => {
  it('reaches a client once: on its own stream, or in the answer that the server sent it with', async () => {
    const calls: ServerResponse[] = [];
    await using server = await serveLists(({ message, response }) => {
      if (message?.method !== 'tools/call') return false;
      response.writeHead(200, EVENTS).flushHeaders();
      calls.push(response);
      Object.assign(response, { callId: message.id });
      return true;
    });
    await using bench = await bridge(server.url);
    const session = await openSession(bench.url);
    const [client, other] = [await hear(bench.url, session), await openSession(bench.url)];
    const second = await hear(bench.url, other);
    await hears(bench);
    const answer = post(bench.url, toolCall('query'), { 'mcp-session-id': session });
    const call = await until(() => calls[0]);
    const end = () =>
      call.end(event({ jsonrpc: '2.0', id: (call as { callId?: number }).callId, result: {} }));

    server.say(CHANGED);
    await until(() => client.count('list_changed') === 1 && second.count('list_changed') === 1);
    call.write(event(CHANGED));
    await until(() => client.count('list_changed') === 2 && second.count('list_changed') === 2);
    // What goes to one client alone goes to none of a shared session, on whichever stream it comes.
    server.say(UPDATED);
    call.write(event(UPDATED));
    server.say({ ...UPDATED, method: 'notifications/message' });
    server.say(CHANGED);
    await until(() => client.count('list_changed') === 3);
    end();
    const text = await (await answer).text();
    assert.ok(!text.includes('list_changed') && !text.includes('updated'), text);
    for (const one of [client, second]) {
      assert.deepEqual(
        [one.count('list_changed'), one.count('updated'), one.count('message"')],
        [3, 0, 0],
      );
      await one.close();
    }
  });

  it('is not said again when its stream is opened again, and not by a session that is over', async () => {
    let former: ServerResponse | undefined;
    await using server = await serveLists(({ message, response }) => {
      if (message?.method !== 'tools/call' || former) return false;
      former = response.writeHead(200, EVENTS);
      former.flushHeaders();
      return true;
    });
    await using bench = await bridge(server.url);
    const session = await openSession(bench.url);
    const client = await hear(bench.url, session);
    await hears(bench);
    await list(bench.url, session);
    server.tools = ['query', 'more'];
    server.say(CHANGED);
    await until(() => client.count('list_changed') === 1);
    const [first] = server.streams;
    assert.ok(first);
    first.end();
    await once(first, 'close');
    await hears(bench, 2);
    await list(bench.url, session);
    const waiting = callTool(bench.url, session, 'query');
    const old = await until(() => former);
    server.known.clear();
    await callTool(bench.url, session, 'query');
    await hears(bench, 3);
    assert.deepEqual(await list(bench.url, session), ['query', 'more']);
    old.end(event(CHANGED));
    assert.equal((await waiting).error?.code, -32000);
    assert.equal(client.count('list_changed'), 1);
    server.say(CHANGED);
    await until(() => client.count('list_changed') === 2);
    await client.close();
  });

  it('subscriptions to resources are not offered, since their updates could not be told apart', async () => {
    await using server = await serveLists();
    await using bench = await bridge(server.url);
    const session = await openSession(bench.url);
    const body = { jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: 'x://y' } };
    const answer = await post(bench.url, body, { 'mcp-session-id': session });
    assert.match(await answer.text(), /-32601.*resources\/subscribe is not offered/);
  });
});
