import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type Bench,
  callTool,
  HEADERS,
  initializeMessage,
  type Json,
  OTHER_KEY,
  post,
  startBench,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';

const VERSION = '2025-06-18';
const ASKABLE = { sampling: {}, elicitation: {}, roots: { listChanged: true } };

/** A client in the raw: it sees every message of every stream, in order. */
class RawClient {
  readonly url: string;
  readonly session: string;
  readonly headers: Record<string, string>;
  /** Messages on the stream for the server's own messages. */
  readonly heard: Json[] = [];
  readonly offered: Json;
  #stream: AbortController | undefined;

  constructor(url: string, session: string, key: string, offered: Json) {
    this.url = url;
    this.session = session;
    this.offered = offered;
    this.headers = { authorization: `Bearer ${key}`, 'mcp-session-id': session };
  }

  static async open(
    url: string,
    { capabilities = ASKABLE as Json, key = HEADERS.authorization.slice(7) } = {},
  ): Promise<RawClient> {
    const message = initializeMessage(VERSION);
    message.params = { ...(message.params as Json), capabilities };
    const response = await post(url, message, { authorization: `Bearer ${key}` });
    const session = response.headers.get('mcp-session-id') ?? '';
    const { result } = (await response.json()) as { result: { capabilities: Json } };
    const client = new RawClient(url, session, key, result.capabilities);
    await client.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return client;
  }

  send(message: unknown): Promise<Response> {
    return post(this.url, message, this.headers);
  }

  /** Posts a request and hands each message that comes back to `onMessage` as it comes. */
  async request(message: Json, onMessage: (message: Json) => void = () => {}): Promise<Json> {
    const response = await this.send(message);
    let last: Json = {};
    if (response.headers.get('content-type') === 'application/json')
      return (await response.json()) as Json;
    for await (const one of messagesOf(response)) {
      last = one;
      onMessage(one);
    }
    return last;
  }

  call(name: string, given: Json = {}, onMessage?: (message: Json) => void): Promise<Json> {
    return this.request(toolCall(name, given), onMessage);
  }

  async text(name: string, given: Json = {}, onMessage?: (message: Json) => void) {
    const answer = await this.call(name, given, onMessage);
    return textOf(answer as never);
  }

  async state(): Promise<{
    level: string;
    watched: string[];
    capabilities: Json;
    pid: number;
    told: string[];
  }> {
    return JSON.parse(await this.text('state'));
  }

  async listen(): Promise<void> {
    this.#stream = new AbortController();
    const response = await fetch(this.url, {
      headers: { ...HEADERS, ...this.headers },
      signal: this.#stream.signal,
    });
    assert.equal(response.status, 200);
    void (async () => {
      for await (const message of messagesOf(response)) this.heard.push(message);
    })().catch(() => {});
  }

  /** Answers requests of the server as they come. */
  answering(result: Json, seen: Json[] = []) {
    return (message: Json) => {
      if (message.id === undefined || message.method === undefined) return;
      seen.push(message);
      void this.send({ jsonrpc: '2.0', id: message.id, result });
    };
  }

  leave(): void {
    this.#stream?.abort();
  }
}

async function* messagesOf(response: Response): AsyncGenerator<Json> {
  let rest = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    rest += chunk;
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines)
      if (line.startsWith('data: {')) yield JSON.parse(line.slice('data: '.length)) as Json;
  }
}

describe('a child that works on one call at a time', () => {
  let bench: Bench;
  let first: RawClient;
  let second: RawClient;
  before(async () => {
    bench = await startBench({
      env: {
        CHILD_SHARING: 'call',
        CHILD_COUNT: '2',
        CLIENT_ANSWER_TIMEOUT: '1',
        CALL_TIMEOUT: '3',
      },
    });
    first = await RawClient.open(bench.url);
    second = await RawClient.open(bench.url, { key: OTHER_KEY });
  });
  after(async () => {
    first.leave();
    second.leave();
    await bench[Symbol.asyncDispose]();
  });

  it('offers log levels and subscriptions, and tells the child what clients can do', async () => {
    assert.deepEqual(first.offered.logging, {});
    assert.deepEqual(first.offered.resources, { subscribe: true });
    const { capabilities } = await first.state();
    assert.deepEqual(Object.keys(capabilities), ['sampling', 'elicitation', 'roots']);
  });

  it('brings each question of the child to the client whose call it works on, and the answer back', async () => {
    const clients = [first, second];
    const seen: Json[][] = [[], []];
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const at = i % 2;
        const client = clients[at] as RawClient;
        const given = { method: 'sampling/createMessage', params: { for: at, exact: 1.5 } };
        return {
          at,
          answer: JSON.parse(
            await client.text('ask', given, client.answering({ from: at }, seen[at])),
          ),
        };
      }),
    );
    for (const { at, answer } of answers) {
      assert.deepEqual(answer.result, { from: at });
      assert.match(String(answer.id), /^q\d+$/, 'the child’s own id');
    }
    for (const [at, asked] of seen.entries()) {
      assert.equal(asked.length, 10);
      assert.ok(asked.every(({ params }) => (params as Json).for === at));
    }
    const ids = seen.flat().map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, 'ids are unique');
  });

  it('asks no client for what it did not declare', async () => {
    const plain = await RawClient.open(bench.url, { capabilities: {} });
    for (const method of [
      'sampling/createMessage',
      'elicitation/create',
      'roots/list',
      'tools/x',
    ]) {
      const seen: Json[] = [];
      const said = JSON.parse(await plain.text('ask', { method }, plain.answering({}, seen)));
      assert.equal(said.error.code, -32601, method);
      assert.deepEqual(seen, []);
    }
  });

  it('takes only the right session’s first answer, and counts the others', async () => {
    const ignored = async () =>
      Number(/answers_ignored_total (\d+)/.exec(await bench.metrics())?.[1] ?? 0);
    const before = await ignored();
    const said = await first.text('ask', { method: 'roots/list' }, (message) => {
      if (message.method !== 'roots/list') return;
      const { id } = message;
      void (async () => {
        const statuses = [];
        for (const [client, answer] of [
          [second, { jsonrpc: '2.0', id, result: { roots: 'stolen' } }],
          [first, { jsonrpc: '2.0', id: 4711, result: {} }],
          [first, { jsonrpc: '2.0', id, result: { roots: 'right' } }],
          [first, { jsonrpc: '2.0', id, result: { roots: 'again' } }],
        ] as const)
          statuses.push((await client.send(answer)).status);
        assert.deepEqual(statuses, [202, 202, 202, 202]);
      })();
    });
    assert.equal(JSON.parse(said).result.roots, 'right');
    await until(async () => (await ignored()) === before + 3);
  });

  it('tells the child when a client does not answer, or went away', async () => {
    const cancelled: Json[] = [];
    const silent = await first.text('ask', { method: 'elicitation/create' }, (message) => {
      if (message.method === 'notifications/cancelled') cancelled.push(message);
    });
    assert.match(JSON.parse(silent).error.message, /did not answer within 1 s/);
    assert.equal(cancelled.length, 1);
    const gone = new AbortController();
    const left = fetch(bench.url, {
      method: 'POST',
      headers: { ...HEADERS, ...first.headers },
      body: JSON.stringify(toolCall('ask', { method: 'roots/list' })),
      signal: gone.signal,
    }).then(async (response) => {
      for await (const message of messagesOf(response)) if (message.method) gone.abort();
    });
    await assert.rejects(left, { name: 'AbortError' });
    await until(async () => /in_flight 0\b/.test(await bench.metrics()), 900);
  });

  it('tells log messages to the client of the call alone, at the level of its session', async () => {
    const setLevel = (client: RawClient, level: unknown) =>
      client.request({ jsonrpc: '2.0', id: 1, method: 'logging/setLevel', params: { level } });
    assert.equal(((await setLevel(first, 'loud')).error as Json).code, -32602);
    assert.deepEqual((await setLevel(first, 'debug')).result, {});
    assert.deepEqual((await setLevel(second, 'error')).result, {});
    const heard = async (client: RawClient) => {
      const messages: Json[] = [];
      for (const level of ['debug', 'warning', 'error'])
        await client.call('chatter', { level }, (one) => messages.push(one));
      return messages
        .filter(({ method }) => method === 'notifications/message')
        .map(({ params }) => (params as Json).level);
    };
    const [ofFirst, ofSecond] = await Promise.all([heard(first), heard(second)]);
    assert.deepEqual(ofFirst, ['debug', 'warning', 'error']);
    assert.deepEqual(ofSecond, ['error']);
    for (let i = 0; i < 2; i++) assert.equal((await first.state()).level, 'debug');
  });

  it('tells only subscribers of a changed resource, also after the child was replaced', async () => {
    await Promise.all([first.listen(), second.listen()]);
    const subscribe = (client: RawClient, uri: string, method = 'resources/subscribe') =>
      client.request({ jsonrpc: '2.0', id: 1, method, params: { uri } });
    assert.deepEqual((await subscribe(first, 'memo://a')).result, {});
    assert.deepEqual((await subscribe(second, 'memo://b')).result, {});
    const both = async () => {
      // Both children hold calls, so each gets one of two at the same time.
      const states = await Promise.all([first.text('sleep', { ms: 50, text: '' }), first.state()]);
      return states[1];
    };
    const updates = (client: RawClient) =>
      client.heard
        .filter(({ method }) => method === 'notifications/resources/updated')
        .map(({ params }) => (params as Json).uri);
    const touch = async (uri: string) => {
      // Whichever child watches it says so; the other one is not listened to.
      await Promise.all([first.call('touch', { uri }), second.call('touch', { uri })]);
    };
    await until(async () => {
      await touch('memo://a');
      await touch('memo://b/part');
      return updates(first).length > 0 && updates(second).length > 0;
    });
    assert.ok(updates(first).every((uri) => uri === 'memo://a'));
    assert.ok(updates(second).every((uri) => uri === 'memo://b/part'));
    for (let i = 0; i < 4; i++) await first.call('die');
    first.heard.length = 0;
    await until(async () => {
      await touch('memo://a');
      return updates(first).length > 0;
    });
    assert.equal((await both()).level, 'debug', 'the level was told to the new child');
    assert.ok(updates(second).every((uri) => uri === 'memo://b/part'));
  });

  it('answers a list from memory while every child works on a call', async () => {
    const list = { jsonrpc: '2.0', id: 7, method: 'tools/list' };
    const known = await second.request(list);
    const busy = [first.call('sleep', { ms: 2_000 }), second.call('sleep', { ms: 2_000 })];
    const workingOn = async (calls: number) =>
      new RegExp(`in_flight ${calls}\\b`).test(await bench.metrics());
    await until(() => workingOn(2));
    assert.deepEqual(await second.request(list), known);
    assert.ok(await workingOn(2), 'both calls still ran when the list was there');
    await Promise.all(busy);
  });

  it('replaces a child that may still work on a call that was given up', async () => {
    const pids = async () =>
      new Set((await Promise.all([first.state(), second.state()])).map(({ pid }) => pid));
    const before = await pids();
    const given = first.call('stuck');
    await until(async () => /in_flight 1\b/.test(await bench.metrics()));
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
    await first.send(cancel);
    assert.match(String(((await given).error as Json).message), /cancelled/);
    await until(async () =>
      /child_starts_total\{reason="abandoned"\} 1/.test(await bench.metrics()),
    );
    await until(async () => (await pids()).size === 2);
    assert.ok([...(await pids())].some((pid) => !before.has(pid)));
  });
});

describe('a child for each session', () => {
  let bench: Bench;
  before(async () => {
    bench = await startBench({ env: { CHILD_SHARING: 'session', CHILD_COUNT: '3' } });
    await until(async () => (await bench.ready()).codes.every((code) => !code.startsWith('child')));
  });
  after(() => bench[Symbol.asyncDispose]());
  const children = async () => Number(/proxy_children (\d+)/.exec(await bench.metrics())?.[1]);

  it('gives each session a server that knows its client, and ends it with the session', async () => {
    const a = await RawClient.open(bench.url, { capabilities: { sampling: { tools: {} } } });
    const b = await RawClient.open(bench.url, { capabilities: { roots: { listChanged: true } } });
    const [ofA, ofB] = await Promise.all([a.state(), b.state()]);
    assert.notEqual(ofA.pid, ofB.pid);
    assert.deepEqual(ofA.capabilities, { sampling: { tools: {} } });
    assert.deepEqual(ofB.capabilities, { roots: { listChanged: true } });
    assert.equal((await a.state()).pid, ofA.pid);
    await b.send({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' });
    assert.deepEqual((await b.state()).told, [
      'notifications/initialized',
      'notifications/roots/list_changed',
    ]);
    const c = await RawClient.open(bench.url);
    const third = await c.state();
    const d = await RawClient.open(bench.url);
    const refused = await d.send(toolCall('echo'));
    assert.equal(refused.status, 503);
    assert.match(await refused.text(), /as many sessions as CHILD_COUNT allows/);
    await fetch(bench.url, { method: 'DELETE', headers: { ...HEADERS, ...c.headers } });
    assert.equal((await d.send(toolCall('echo'))).status, 200, 'waits for the place that is made');
    assert.notEqual((await d.state()).pid, third.pid);
    for (const one of [a, b, d])
      await fetch(bench.url, { method: 'DELETE', headers: { ...HEADERS, ...one.headers } });
    // What is left: the one that answers initialize, and the one that waits for the next session.
    await until(async () => (await children()) === 2);
  });

  it('lets sessions wait for the places of those that end, each for one, and refuses the rest at once', async () => {
    const end = (client: RawClient) =>
      fetch(bench.url, { method: 'DELETE', headers: { ...HEADERS, ...client.headers } });
    const three = () => Promise.all(Array.from({ length: 3 }, () => RawClient.open(bench.url)));
    const first = await three();
    const statuses = async (clients: readonly RawClient[]) =>
      Promise.all(clients.map(async (one) => (await one.send(toolCall('echo'))).status));
    assert.deepEqual(await statuses(first), [200, 200, 200]);
    const next = await three();
    assert.deepEqual(await statuses(next), [503, 503, 503]);
    await Promise.all(first.slice(1).map(end));
    assert.deepEqual((await statuses(next)).toSorted(), [200, 200, 503]);
    await Promise.all([...first.slice(0, 1), ...next].map(end));
  });

  it('keeps level, subscriptions and questions for a session whose server died', async () => {
    const client = await RawClient.open(bench.url);
    await client.listen();
    for (const [method, params] of [
      ['logging/setLevel', { level: 'notice' }],
      ['resources/subscribe', { uri: 'memo://a' }],
    ] as const)
      assert.deepEqual(
        (await client.request({ jsonrpc: '2.0', id: 1, method, params })).result,
        {},
      );
    const before = await client.state();
    assert.equal(((await client.call('die')).error as Json).code, -32000);
    const now = await client.state();
    assert.notEqual(now.pid, before.pid);
    assert.equal(now.level, 'notice');
    assert.deepEqual(now.watched, ['memo://a']);
    const said = await client.text(
      'ask',
      { method: 'roots/list' },
      client.answering({ roots: [] }),
    );
    assert.deepEqual(JSON.parse(said).result, { roots: [] });
    await client.call('touch', { uri: 'memo://a' });
    await until(() =>
      client.heard.some(({ method }) => method === 'notifications/resources/updated'),
    );
    client.leave();
  });
});

describe('a shared child', () => {
  it('is offered no way to speak to one client, and clients none to change it', async (t) => {
    const bench = await startBench();
    t.after(() => bench[Symbol.asyncDispose]());
    const client = await RawClient.open(bench.url);
    assert.equal(client.offered.logging, undefined);
    assert.deepEqual((await client.state()).capabilities, {});
    for (const method of ['logging/setLevel', 'resources/subscribe', 'resources/unsubscribe']) {
      const answer = await client.request({ jsonrpc: '2.0', id: 1, method, params: {} });
      assert.equal((answer.error as Json).code, -32601);
    }
    const answer = await callTool(bench.url, client.session, 'ask', { method: 'roots/list' });
    assert.equal(JSON.parse(textOf(answer)).error.code, -32601);
  });
});
