/**
 * Two proxies, processes of their own, that share nothing but the files with keys and session secrets: any of them
 * serves any request of any session, and none is missed.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { SessionSigner } from '../../images/proxy/src/era/session-id.ts';
import { startForwarder } from '../fixtures/proxy/forwarder.ts';
import {
  callTool,
  connectClient,
  eventsOf,
  HEADERS,
  initializeMessage,
  type Json,
  KEY,
  OTHER_KEY,
  openSession,
  post,
  prepareFolder,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';
import { type ProxyProcess, startProcess } from '../fixtures/proxy/process.ts';

const SECRET = randomBytes(32).toString('hex');
const PATIENCE_MS = 20_000;

let folder: string;
before(async () => {
  folder = await prepareFolder();
  await writeFile(join(folder, 'session-secret'), `${SECRET}\n`, { mode: 0o600 });
});
after(() => rm(folder, { recursive: true, force: true }));

const replica = (env: Readonly<Record<string, string>> = {}) =>
  startProcess(folder, {
    SESSION_SECRET_FILE: join(folder, 'session-secret'),
    CHILD_FOLDER: join(folder, randomBytes(4).toString('hex')),
    ...env,
  });

const send = (url: string, session: string, body: unknown, key = KEY) =>
  post(url, body, { 'mcp-session-id': session, authorization: `Bearer ${key}` });
const message = (method: string, params: Json = {}): Json => ({
  jsonrpc: '2.0',
  id: 1,
  method,
  params,
});

/** The messages of an answer, whether it is a stream or not. */
async function messagesOf(response: Response): Promise<Json[]> {
  const body = await response.text();
  return (body.startsWith('{') ? [body] : eventsOf(body)).map((text) => JSON.parse(text) as Json);
}

/** A stream of the server's own messages, or the rest of a lost one. */
async function listen(url: string, session: string, last?: string) {
  const abort = new AbortController();
  const response = await fetch(url, {
    headers: {
      ...HEADERS,
      'mcp-session-id': session,
      ...(last === undefined ? {} : { 'last-event-id': last }),
    },
    signal: abort.signal,
  });
  const stream = {
    status: response.status,
    text: '',
    over: false,
    leave: () => abort.abort(),
    get ids() {
      return [...stream.text.matchAll(/^id: (.+)$/gm)].map(([, id = '']) => id);
    },
  };
  void (async () => {
    const decoder = new TextDecoder();
    for await (const piece of response.body ?? [])
      stream.text += decoder.decode(piece, { stream: true });
  })()
    .catch(() => {})
    .finally(() => {
      stream.over = true;
    });
  return stream;
}

describe('two replicas', { concurrency: true }, () => {
  let a: ProxyProcess;
  let b: ProxyProcess;
  before(async () => {
    const personal = { CHILD_SHARING: 'call', CHILD_COUNT: '2' };
    [a, b] = await Promise.all([replica(personal), replica(personal)]);
  });
  after(() => Promise.all([a, b].map((one) => one?.[Symbol.asyncDispose]())));

  it('serve the client of the SDK in turn, every second request at the other one', async () => {
    await using between = await startForwarder(a.port, b.port);
    const client = await connectClient(between.url);
    for (let i = 0; i < 4; i++) {
      assert.ok((await client.listTools()).tools.some(({ name }) => name === 'echo'));
      const seen: number[] = [];
      const answer = await client.callTool(
        { name: 'progress', arguments: { steps: 3, ms: 5 } },
        undefined,
        { onprogress: ({ progress }) => seen.push(progress) },
      );
      assert.equal((answer.content as { text: string }[])[0]?.text, 'finished');
      assert.deepEqual(seen, [1, 2, 3]);
    }
    await (client.transport as StreamableHTTPClientTransport).terminateSession();
    await client.close();
    const [ofA = 0, ofB = 0] = [a, b].map(({ port }) => between.sent.get(port));
    assert.ok(ofA >= 5 && Math.abs(ofA - ofB) <= 1, `${ofA} and ${ofB} requests`);
  });

  it('serve a session that the other one opened, of each revision', async () => {
    for (const version of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
      const session = await openSession(a.url, version);
      const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
      assert.equal((await send(b.url, session, initialized)).status, 202);
      const [list] = await messagesOf(await send(b.url, session, message('tools/list')));
      assert.match(JSON.stringify(list), /"name":"echo"/);
      const call = toolCall('progress', { steps: 2 }, 7, { progressToken: 'p' });
      const heard = await messagesOf(await send(a.url, session, call));
      assert.deepEqual(
        heard.map(({ method, id }) => method ?? id),
        ['notifications/progress', 'notifications/progress', 7],
      );
    }
  });

  it('open streams for the server’s own messages at either, and hear the server there', async () => {
    const session = await openSession(a.url);
    const streams = await Promise.all([a, b].map(({ url }) => listen(url, session)));
    assert.deepEqual(
      streams.map(({ status }) => status),
      [200, 200],
    );
    for (const [i, { url }] of [a, b].entries()) {
      await callTool(url, session, 'add_tool', { name: `added_at_${i}` });
      await until(() => streams[i]?.text.includes('list_changed'), PATIENCE_MS);
    }
    for (const stream of streams) stream.leave();
  });

  it('know what the client can do, wherever it said so', async () => {
    const opening = initializeMessage();
    opening.params = { ...(opening.params as Json), capabilities: { elicitation: {} } };
    const opened = await post(a.url, opening);
    const session = opened.headers.get('mcp-session-id') ?? '';
    await opened.text();
    const ask = async (method: string) => {
      const response = await send(b.url, session, toolCall('ask', { method }));
      let heard = '';
      for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        heard += piece;
        for (const one of eventsOf(heard).map((text) => JSON.parse(text) as Json))
          if (one.method === method) {
            const answer = { jsonrpc: '2.0', id: one.id, result: { action: 'decline' } };
            assert.equal((await send(b.url, session, answer)).status, 202);
          }
      }
      return heard;
    };
    assert.match(await ask('elicitation/create'), /decline/);
    const refused = await messagesOf(
      await send(b.url, session, toolCall('ask', { method: 'sampling/createMessage' })),
    );
    assert.match(JSON.stringify(refused), /this client does not offer sampling/);
  });

  it('keep a log level where it was set; the other one tells all, and takes one too', async () => {
    const session = await openSession(a.url);
    const levels = async ({ url }: ProxyProcess) => {
      const heard: unknown[] = [];
      for (const level of ['info', 'error']) {
        const call = toolCall('chatter', { level }, level);
        for (const one of await messagesOf(await send(url, session, call)))
          if (one.method === 'notifications/message') heard.push((one.params as Json).level);
      }
      return heard;
    };
    const set = async ({ url }: ProxyProcess) => {
      const answer = await send(url, session, message('logging/setLevel', { level: 'warning' }));
      assert.deepEqual((await messagesOf(answer))[0]?.result, {});
    };
    await set(a);
    assert.deepEqual([await levels(a), await levels(b)], [['error'], ['info', 'error']]);
    await set(b);
    assert.deepEqual(await levels(b), ['error']);
  });

  it('end a session for good where it is ended; the other one may go on with it until it expires', async () => {
    const session = await openSession(a.url);
    const open = await listen(a.url, session);
    const headers = { ...HEADERS, 'mcp-session-id': session };
    const end = async ({ url }: ProxyProcess) =>
      (await fetch(url, { method: 'DELETE', headers })).status;
    assert.equal(await end(a), 204);
    await until(() => open.over, PATIENCE_MS);
    const statuses = () =>
      Promise.all(
        [a, b].map(async ({ url }) => (await send(url, session, message('ping'))).status),
      );
    assert.deepEqual(await statuses(), [404, 200]);
    assert.equal(await end(a), 404);
    assert.equal(await end(b), 204);
    assert.deepEqual(await statuses(), [404, 404]);
  });

  it('both refuse a session that expired, was forged, or is another key’s', async () => {
    const issue = (secret: string, expiresAt: number) =>
      new SessionSigner([secret]).issue({
        version: '2025-11-25',
        capabilities: '',
        principal: 'first',
        expiresAt,
      }).id;
    const now = Math.floor(Date.now() / 1000);
    const good = issue(SECRET, now + 600);
    const [content = '', signature = ''] = good.split('.');
    const table: Record<string, readonly [id: string, key: string, status: number]> = {
      good: [good, KEY, 200],
      expired: [issue(SECRET, now - 1), KEY, 404],
      'of another secret': [issue('f'.repeat(64), now + 600), KEY, 404],
      'with another signature': [`${content}.${[...signature].reverse().join('')}`, KEY, 404],
      'of another key': [good, OTHER_KEY, 404],
    };
    for (const { url } of [a, b])
      for (const [what, [id, key, status]] of Object.entries(table))
        assert.equal((await send(url, id, message('ping'), key)).status, status, what);
  });
});

describe('a replica that goes', { concurrency: true }, () => {
  it('takes no session with it: streams begin anew at the other one, calls go on', async () => {
    await using other = await replica();
    const lost = await replica();
    const session = await openSession(lost.url);
    const own = await listen(lost.url, session);
    const call = toolCall('wait', {}, 'the-call', { progressToken: 'p' });
    const answer = await send(lost.url, session, call);
    let heard = '';
    const broken = (async () => {
      for await (const piece of answer.body?.pipeThrough(new TextDecoderStream()) ?? [])
        heard += piece;
    })();
    void broken.catch(() => {});
    await until(() => own.ids.length > 0 && heard.includes('notifications/progress'), PATIENCE_MS);
    lost.process.kill('SIGKILL');
    await assert.rejects(broken);
    await until(() => own.over, PATIENCE_MS);

    const again = await listen(other.url, session, own.ids.at(-1));
    assert.equal(again.status, 200);
    await until(() => again.ids.length > 0, PATIENCE_MS);
    assert.notEqual(again.ids[0]?.split('.')[1], own.ids[0]?.split('.')[1], 'an id of its own');
    await callTool(other.url, session, 'add_tool', { name: 'after' });
    await until(() => again.text.includes('list_changed'), PATIENCE_MS);
    again.leave();

    // The answer itself is lost, and its caller is told so at once instead of waiting for it.
    const id = /^id: (.+)$/m.exec(heard)?.[1] ?? '';
    const rest = await listen(other.url, session, id);
    await until(() => rest.over, PATIENCE_MS);
    const [error, ...more] = eventsOf(rest.text).map((text) => JSON.parse(text) as Json);
    assert.deepEqual([rest.status, error?.id, more], [200, 'the-call', []]);
    assert.match(JSON.stringify(error), /answer_not_kept/);
    assert.equal(textOf(await callTool(other.url, session, 'echo', { text: 'on' })), 'on');
  });

  it('fails what its server still asks a client, whose answer goes to the other one', async () => {
    await using other = await replica();
    await using leaving = await replica({ CHILD_SHARING: 'call', DRAIN_TIMEOUT: '1' });
    const opening = initializeMessage();
    opening.params = { ...(opening.params as Json), capabilities: { sampling: {} } };
    const opened = await post(leaving.url, opening);
    const session = opened.headers.get('mcp-session-id') ?? '';
    await opened.text();
    const call = toolCall('ask', { method: 'sampling/createMessage' }, 'asking');
    const response = await send(leaving.url, session, call);
    let heard = '';
    let asked: Json | undefined;
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      heard += piece;
      const messages = eventsOf(heard).map((text) => JSON.parse(text) as Json);
      if (asked || !messages[0]) continue;
      asked = messages[0];
      leaving.process.kill('SIGTERM');
      const answer = { jsonrpc: '2.0', id: asked.id, result: { role: 'assistant' } };
      assert.equal((await send(other.url, session, answer)).status, 202, 'taken, and ignored');
    }
    const last = JSON.parse(eventsOf(heard).at(-1) ?? '{}') as Json;
    assert.equal(asked?.method, 'sampling/createMessage');
    assert.equal(last.id, 'asking');
    assert.match(JSON.stringify(last.error), /is being stopped/);
    assert.deepEqual(await leaving.exit, { code: 0, signal: null });
    assert.equal(textOf(await callTool(other.url, session, 'echo', { text: 'on' })), 'on');
  });
});

describe('replicas that are replaced under load', () => {
  const CALLERS = 16;

  it('one after the other, start-first: none of the calls of 16 callers fails', async (t) => {
    // Longer than the second that names take to move on, by what a busy machine may add.
    const env = { STOP_DELAY: '6', CHILD_COUNT: '2' };
    const old = await Promise.all([replica(env), replica(env)]);
    const replicas = [...old];
    let over = false;
    t.after(() => {
      over = true;
      return Promise.all(replicas.map((one) => one[Symbol.asyncDispose]()));
    });
    await using between = await startForwarder(...old.map(({ port }) => port));
    const failures: string[] = [];
    let calls = 0;
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      const session = await openSession(between.url);
      for (let i = 0; !over; i++) {
        const text = `${caller}.${i}`;
        // Some take a while, and stream.
        const call =
          i % 4 === 0
            ? toolCall('progress', { steps: 3, ms: 40 }, text, { progressToken: text })
            : toolCall('echo', { text }, text);
        const expected = i % 4 === 0 ? 'finished' : text;
        try {
          const response = await send(between.url, session, call);
          const last = (await messagesOf(response)).at(-1);
          if (last?.id !== text || textOf(last as never) !== expected)
            failures.push(`${response.status} ${JSON.stringify(last)}`);
        } catch (error) {
          failures.push(String(error));
        }
        calls++;
      }
    });
    const progress = async () => {
      const before = calls;
      await until(() => calls > before + 5 * CALLERS, PATIENCE_MS);
    };
    await progress();
    for (const [i, leaving] of old.entries()) {
      const coming = await replica(env);
      replicas.push(coming);
      // A replica is ready when its server is: until then it would hold its callers up.
      await openSession(coming.url);
      between.targets = [...between.targets, coming.port];
      leaving.process.kill('SIGTERM');
      await until(async () => (await leaving.readyCodes()).includes('draining'), PATIENCE_MS);
      const before = between.sent.get(leaving.port) ?? 0;
      const moved = new Promise((resolve) => setTimeout(resolve, 1_000));
      await Promise.all([moved, progress()]);
      assert.ok((between.sent.get(leaving.port) ?? 0) > before, 'names still led to it');
      between.targets = between.targets.filter((port) => port !== leaving.port);
      assert.deepEqual(await leaving.exit, { code: 0, signal: null }, `replica ${i}`);
      await progress();
    }
    over = true;
    await Promise.all(callers);
    t.diagnostic(`${calls} calls`);
    assert.deepEqual(failures, []);
  });
});
