import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestOf } from '../../images/proxy/src/upstream/tool-digests.ts';
import {
  type Bench,
  callTool,
  HEADERS,
  type Json,
  KEY,
  OTHER_KEY,
  openSession,
  post,
  type RpcAnswer,
  startBench,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';

const THIRD_KEY = 'key-of-the-third-client-0123456789';
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

let bench: Bench;
before(async () => {
  bench = await startBench({
    env: {
      MAX_IN_FLIGHT: '3',
      MAX_IN_FLIGHT_PER_SESSION: '4',
      QUEUE_LENGTH: '1',
      TOOLS_DENY: 'die,grand*',
      // The last test leaves a call at the server whose client was cut off.
      DRAIN_TIMEOUT: '0',
    },
    keys: {
      first: KEY,
      second: { keys: [OTHER_KEY], maxInFlight: 1, tools: { readOnly: true } },
      third: { keys: [THIRD_KEY], tools: { allow: ['echo', 'm*', 'sleep', 'die', 'stuck'] } },
    },
  });
});
after(() => bench[Symbol.asyncDispose]());

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const metric = async (name: string) => {
  const line = (await bench.metrics()).split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.split(' ')[1] ?? 0);
};
const inFlight = (count: number) =>
  until(async () => (await metric('lakehouse_proxy_calls_in_flight')) === count);
const audited = () => bench.log.filter(({ event }) => event === 'tool_called');

/** Calls that stay at the server until they are cancelled. */
async function hold(count: number, key = KEY) {
  const session = await openSession(bench.url, undefined, key);
  const headers = { 'mcp-session-id': session, ...bearer(key) };
  const calls = Array.from({ length: count }, (_, i) =>
    post(bench.url, toolCall('stuck', {}, `held ${i}`), headers),
  );
  await inFlight(count);
  const release = async () => {
    for (let i = 0; i < count; i++) {
      const params = { requestId: `held ${i}` };
      const body = { jsonrpc: '2.0', method: 'notifications/cancelled', params };
      await post(bench.url, body, headers);
    }
    for (const call of calls) await (await call).text();
    await inFlight(0);
  };
  return { session, headers, release };
}

async function refusal(response: Response) {
  const { id, error } = (await response.json()) as RpcAnswer;
  assert.ok(error);
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    id,
    code: error.code,
    data: error.data,
    message: error.message,
  };
}

describe('a caller above a limit of its own', () => {
  it('gets 429 that says which limit of its key, from the key file', async () => {
    const { headers, release } = await hold(1, OTHER_KEY);
    const response = await post(bench.url, toolCall('echo', {}, 'one more'), headers);
    await release();
    const { message, ...rest } = await refusal(response);
    assert.deepEqual(rest, {
      status: 429,
      retryAfter: '1',
      id: 'one more',
      code: -32603,
      data: { reason: 'over_limit', limit: 'maxInFlight', value: 1, retryAfter: 1 },
    });
    assert.match(message, /^this key already has 1 requests .*\(maxInFlight\); try again in 1 s$/);
  });

  it('gets 429 for its session, also when it takes streams only', async () => {
    const { headers, release } = await hold(3);
    const waiting = post(bench.url, toolCall('echo', { text: 'waits' }), headers);
    await inFlight(4);
    for (const accept of [HEADERS.accept, 'text/event-stream']) {
      const response = await post(bench.url, toolCall('echo', {}, 9), { ...headers, accept });
      const { status, id, data } = await refusal(response);
      assert.deepEqual(
        [status, id, data?.limit, data?.value],
        [429, 9, 'MAX_IN_FLIGHT_PER_SESSION', 4],
      );
    }
    await release();
    assert.match(await (await waiting).text(), /waits/);
  });
});

describe('a full proxy', () => {
  it('lets a request wait, gives it the next place, and tells metrics and audit how long', async () => {
    const { release } = await hold(3);
    const session = await openSession(bench.url, undefined, THIRD_KEY);
    const waited = await metric('lakehouse_proxy_queue_seconds_count');
    const call = post(bench.url, toolCall('echo', { text: 'my turn' }), {
      'mcp-session-id': session,
      ...bearer(THIRD_KEY),
    });
    await until(async () => (await metric('lakehouse_proxy_queue_length')) === 1);
    assert.equal(await metric('lakehouse_proxy_key_calls_in_flight{key="third"}'), 1);
    await release();
    assert.match(await (await call).text(), /my turn/);
    assert.equal(await metric('lakehouse_proxy_queue_seconds_count'), waited + 1);
    const line = audited().find(({ principal, tool }) => principal === 'third' && tool === 'echo');
    assert.ok(Number(line?.queue_ms) > 0 && Number(line?.duration_ms) >= Number(line?.queue_ms));
    assert.equal(line?.outcome, 'ok');
  });

  it('answers 503 to what finds the queue full', async () => {
    const { release } = await hold(3);
    const session = await openSession(bench.url, undefined, THIRD_KEY);
    const headers = { 'mcp-session-id': session, ...bearer(THIRD_KEY) };
    const waiting = post(bench.url, toolCall('echo', { text: 'waited' }), headers);
    await until(async () => (await metric('lakehouse_proxy_queue_length')) === 1);
    const full = await refusal(await post(bench.url, toolCall('echo'), headers));
    assert.deepEqual(
      [full.status, full.retryAfter, full.data?.limit, full.data?.value],
      [503, '2', 'QUEUE_LENGTH', 1],
    );
    await release();
    assert.match(await (await waiting).text(), /waited/);
    for (const limit of ['key', 'session', 'queue'])
      assert.ok((await metric(`lakehouse_proxy_refused_total{limit="${limit}"}`)) > 0, limit);
    const lines = audited().filter(({ outcome }) => outcome === 'refused');
    const limits = new Set(lines.map(({ limit }) => limit));
    assert.deepEqual([...limits].sort(), ['key', 'queue', 'session']);
    assert.ok(lines.every(({ generation }) => generation === 0));
  });

  it('gives up a waiting request that is cancelled, and the server never hears of it', async () => {
    const { release, headers } = await hold(3);
    const waiting = post(bench.url, toolCall('sleep', { ms: 0, text: 'unheard' }, 'w'), headers);
    await until(async () => (await metric('lakehouse_proxy_queue_length')) === 1);
    const params = { requestId: 'w' };
    await post(bench.url, { jsonrpc: '2.0', method: 'notifications/cancelled', params }, headers);
    const { error } = (await (await waiting).json()) as RpcAnswer;
    assert.equal(error?.data?.reason, 'cancelled');
    await release();
    const line = audited().find(({ tool }) => tool === 'sleep');
    assert.deepEqual([line?.outcome, line?.generation], ['cancelled', 0]);
  });
});

describe('rules for tools', () => {
  const listed = async (key: string) => {
    const session = await openSession(bench.url, undefined, key);
    const headers = { 'mcp-session-id': session, ...bearer(key) };
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    const { result } = (await (await post(bench.url, list, headers)).json()) as {
      result: { tools: { name: string }[] };
    };
    const call = async (name: string) =>
      (await (await post(bench.url, toolCall(name, { text: 'hi' }), headers)).json()) as RpcAnswer;
    return { names: result.tools.map(({ name }) => name), call };
  };

  it('hide what they deny from the list, and deny it when it is called, each key its own', async () => {
    const [first, second, third] = await Promise.all([KEY, OTHER_KEY, THIRD_KEY].map(listed));
    assert.ok(first?.names.includes('fail'));
    assert.ok(!first?.names.includes('die') && !first?.names.includes('grandchild'));
    assert.deepEqual(second?.names, ['echo', 'stuck', 'meta']);
    assert.deepEqual(third?.names, ['echo', 'sleep', 'stuck', 'meta']);
    const table = [
      [first, 'grandchild', 'deny', 'settings'],
      [second, 'fail', 'read_only', 'key'],
      [second, 'no such tool', 'read_only', 'key'],
      [third, 'fail', 'allow', 'key'],
      [third, 'die', 'deny', 'settings'],
    ] as const;
    for (const [who, name, rule, scope] of table) {
      const { error } = (await who?.call(name)) ?? {};
      assert.deepEqual(error?.data, { reason: 'tool_denied', tool: name, rule, scope });
      assert.equal(error?.code, -32602);
    }
    assert.equal(textOf((await second?.call('echo')) as RpcAnswer), 'hi');
    assert.equal((await bench.ready()).codes.includes('child_restarting'), false, 'nobody died');
  });

  it('S11: leave the digest as it is: it is of all that the server offers, before any rule', async () => {
    const { tools, tools_digest: digest } = await bench.status();
    assert.equal(tools.die, digestOf({ name: 'die', inputSchema: { type: 'object' } }));
    assert.ok(tools.grandchild !== undefined && tools.echo !== undefined);
    assert.equal(digest, digestOf(tools));
    assert.equal(await metric(`lakehouse_proxy_tools_info{digest="${digest}"}`), 1);
    const ready = bench.log.find(({ event }) => event === 'child_ready');
    assert.equal(ready?.tools_digest, digest);
  });

  it('leave a line in the audit and a count, with names of tools that exist', async () => {
    const denied = audited().filter(({ outcome }) => outcome === 'denied');
    assert.deepEqual(
      denied.map(({ principal, tool, rule, rule_of, generation }) => [
        principal,
        tool,
        rule,
        rule_of,
        generation,
      ]),
      [
        ['first', 'grandchild', 'deny', 'settings', 0],
        ['second', 'fail', 'read_only', 'key', 0],
        ['second', 'no such tool', 'read_only', 'key', 0],
        ['third', 'fail', 'allow', 'key', 0],
        ['third', 'die', 'deny', 'settings', 0],
      ],
    );
    const count = (tool: string, rule: string) =>
      metric(`lakehouse_proxy_denied_total{tool="${tool}",rule="${rule}"}`);
    assert.equal(await count('grandchild', 'deny'), 1);
    assert.equal(await count('unknown', 'read_only'), 1);
    assert.ok(!(await bench.metrics()).includes('no such tool'));
  });
});

describe('the trace of a call', () => {
  it('goes to the server in _meta unless the client put one there, and into the audit', async () => {
    const session = await openSession(bench.url);
    const trace = async (header: string, meta?: Json) => {
      const headers = { 'mcp-session-id': session, traceparent: header };
      const response = await post(bench.url, toolCall('meta', {}, 1, meta), headers);
      const seen = JSON.parse(textOf((await response.json()) as RpcAnswer)) as Json;
      return [seen, audited().at(-1)?.traceparent];
    };
    assert.deepEqual(await trace(TRACE), [{ traceparent: TRACE }, TRACE]);
    const own = TRACE.replace(/01$/, '00');
    assert.deepEqual(await trace(TRACE, { traceparent: own, a: 1 }), [
      { traceparent: own, a: 1 },
      own,
    ]);
    assert.deepEqual(await trace('made up', { a: 1 }), [{ a: 1 }, undefined]);
  });
});

describe('a key that is removed from the file', () => {
  it('works no longer within a second: 401, its streams are cut, others go on', async () => {
    const write = async (clients: Json) => {
      const temporary = join(bench.folder, 'keys.next');
      await writeFile(temporary, JSON.stringify(clients), { mode: 0o600 });
      await rename(temporary, join(bench.folder, 'keys.json'));
    };
    const next = 'the-next-key-0123456789';
    await write({ first: [KEY, next], second: OTHER_KEY });
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    const statusWith = async (key: string, session: string) =>
      (await post(bench.url, ping, { ...bearer(key), 'mcp-session-id': session })).status;
    await until(async () => (await statusWith(next, 'x')) === 404);
    const open = async (key: string) => {
      const session = await openSession(bench.url, undefined, key);
      const headers = { ...HEADERS, ...bearer(key), 'mcp-session-id': session };
      const stream = await fetch(bench.url, { headers });
      const ended = stream.text().then(
        () => 'ended',
        () => 'cut',
      );
      return { session, ended };
    };
    const [old, gone, kept] = [await open(KEY), await open(OTHER_KEY), await open(next)];
    const running = callTool(bench.url, old.session, 'stuck').catch(() => 'cut');
    await inFlight(1);
    const at = performance.now();
    await write({ first: [next] });
    assert.deepEqual(await Promise.all([old.ended, gone.ended, running]), ['cut', 'cut', 'cut']);
    assert.ok(performance.now() - at < 1_000, 'within a second');
    assert.equal(await statusWith(KEY, old.session), 401);
    assert.equal(await statusWith(OTHER_KEY, gone.session), 401);
    assert.equal(await statusWith(next, gone.session), 404, 'a session of another name');
    assert.equal(await statusWith(next, old.session), 200, 'the session belongs to the name');
    const first = await Promise.race([kept.ended, statusWith(next, kept.session)]);
    assert.equal(first, 200, 'the stream of the key that stays is open');
  });
});
