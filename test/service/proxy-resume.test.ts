import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import {
  type Bench,
  callTool,
  connectClient,
  eventsOf,
  HEADERS,
  OTHER_KEY,
  openSession,
  startBench,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';

let bench: Bench;
before(async () => {
  bench = await startBench({ env: { RESUME_SESSION_LIMIT: '200000' } });
});
after(() => bench[Symbol.asyncDispose]());

/** An event stream as it comes in. */
class Stream {
  text = '';
  readonly over: Promise<void>;
  readonly #abort: AbortController;

  constructor(body: ReadableStream<Uint8Array>, abort: AbortController) {
    this.#abort = abort;
    this.over = this.#read(body);
  }
  get ids(): string[] {
    return [...this.text.matchAll(/^id: (.+)$/gm)].map(([, id = '']) => id);
  }
  /** Waits for this many messages. */
  async messages(count: number): Promise<string[]> {
    await until(() => eventsOf(this.text).length >= count);
    return eventsOf(this.text);
  }
  /** Loses the connection. */
  lose(): void {
    this.#abort.abort();
  }
  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const piece of body) this.text += decoder.decode(piece, { stream: true });
    } catch {
      // That the connection was lost is what these tests are about.
    }
  }
}

async function stream(
  session: string,
  init: { body?: unknown; last?: string; key?: string } = {},
): Promise<Stream> {
  const abort = new AbortController();
  const { body, last, key } = init;
  const response = await fetch(bench.url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...HEADERS,
      accept: 'text/event-stream',
      'mcp-session-id': session,
      ...(last === undefined ? {} : { 'last-event-id': last }),
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: abort.signal,
  });
  assert.equal(response.status, 200, response.ok ? '' : await response.text());
  assert.ok(response.body);
  return new Stream(response.body, abort);
}

/** A network that can lose every connection. */
async function unreliableNetwork(to: number) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = connect(to, '127.0.0.1');
    for (const one of [socket, onward]) sockets.add(one.on('error', () => {}));
    socket.pipe(onward).pipe(socket);
  });
  await once(server.listen(0), 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    close: () => {
      cut();
      server.close();
    },
  };
}

const statusOf = async (session: string, last: string, headers: Record<string, string> = {}) => {
  const all = { ...HEADERS, 'mcp-session-id': session, 'last-event-id': last, ...headers };
  const response = await fetch(bench.url, { headers: all });
  await response.body?.cancel();
  return response.status;
};
const working = (steps: number, ms: number, token = 't') =>
  toolCall('progress', { steps, ms }, 1, { progressToken: token });
const isAnswer = (text: string) => 'result' in JSON.parse(text);
/** True when a call of this session, by its name in the audit, has its answer. */
const answered = ({ log }: Bench, session: string) => {
  const [name] = JSON.parse(Buffer.from(session.split('.')[0] ?? '', 'base64url').toString());
  return log.some(({ audit, session }) => audit && session === name);
};
/** Ids of the calls that the child was told to give up. */
const cancelledCalls = async (session: string) =>
  JSON.parse(textOf(await callTool(bench.url, session, 'cancelled'))) as unknown[];

describe('an answer stream whose connection is lost', { concurrency: true }, () => {
  it('goes on with Last-Event-ID: each message once, in order, and then the answer', async () => {
    const session = await openSession(bench.url);
    const first = await stream(session, { body: working(12, 25) });
    const before = await first.messages(3);
    first.lose();
    const second = await stream(session, { last: first.ids.at(-1) ?? '' });
    const between = await second.messages(3);
    second.lose();
    const third = await stream(session, { last: second.ids.at(-1) ?? '' });
    await third.over;
    const all = [...before, ...between, ...eventsOf(third.text)].map((text) => JSON.parse(text));
    const steps = all.slice(0, -1).map(({ params }) => params.progress);
    assert.deepEqual(steps, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert.equal(all.at(-1).result.content[0].text, 'finished');
    assert.deepEqual(await cancelledCalls(session), [], 'the server was never told to give up');
  });

  it('gives an answer that came while nobody listened, as often as it is asked for', async () => {
    const session = await openSession(bench.url);
    const lost = await stream(session, { body: working(3, 20) });
    await lost.messages(1);
    lost.lose();
    await until(() => answered(bench, session));
    for (let i = 0; i < 2; i++) {
      const again = await stream(session, { last: lost.ids[0] ?? '' });
      await again.over;
      assert.deepEqual(eventsOf(again.text).map(isAnswer), [false, false, false, true]);
    }
  });

  it('replays its own messages alone, never those of another stream', async () => {
    const session = await openSession(bench.url);
    const own = await stream(session, { body: working(4, 20, 'own') });
    const other = await stream(session, { body: working(4, 20, 'other') });
    await Promise.all([own.messages(1), other.messages(1)]);
    own.lose();
    await other.over;
    const again = await stream(session, { last: own.ids[0] ?? '' });
    await again.over;
    const events = eventsOf(again.text);
    assert.equal(events.length, 5);
    assert.ok(events.every((text) => isAnswer(text) || text.includes('"progressToken":"own"')));
  });

  it('is not for another session or key; ids that are not ours are refused', async () => {
    const session = await openSession(bench.url);
    const lost = await stream(session, { body: working(2, 0) });
    await lost.over;
    const last = lost.ids[0] ?? '';
    assert.equal(await statusOf(session, last, { authorization: `Bearer ${OTHER_KEY}` }), 404);
    const strange = ['x', `${last}0000000000000000`, '1', 'p..1', 'p.000000000000.0', '%00'];
    for (const id of ['{}', 'null', '1\n', '"a', '[1]'])
      strange.push(`p.000000000000.0.${Buffer.from(id).toString('base64url')}.1`);
    for (const id of strange) assert.equal(await statusOf(session, id), 400, id);
    assert.equal(await statusOf(session, 'p.000000000000.0.1'), 410);
    const headers = { ...HEADERS, 'mcp-session-id': session };
    await fetch(bench.url, { method: 'DELETE', headers });
    assert.equal(await statusOf(session, last), 404);
  });

  it('ends with an error, once, where nothing is known of it: another session, another replica', async () => {
    const lost = await stream(await openSession(bench.url), { body: working(2, 0) });
    await lost.over;
    const elsewhere = await openSession(bench.url);
    const again = await stream(elsewhere, { last: lost.ids[0] ?? '' });
    await again.over;
    const [{ id, error }, ...more] = eventsOf(again.text).map((text) => JSON.parse(text));
    assert.deepEqual([id, error.data.reason, more], [1, 'answer_not_kept', []]);
    // The client of the SDK comes back after an error too, and must find an end.
    assert.equal(await statusOf(elsewhere, again.ids[0] ?? ''), 410);
    const long = toolCall('progress', { steps: 1 }, 'x'.repeat(100), { progressToken: 't' });
    const unnamed = await stream(elsewhere, { body: long });
    await unnamed.over;
    const other = await openSession(bench.url);
    assert.equal(await statusOf(other, unnamed.ids[0] ?? ''), 410, 'too long to be named');
  });

  it('ends with an error when its answer was too large to keep', async () => {
    const session = await openSession(bench.url);
    const big = await stream(session, { body: toolCall('big', { bytes: 300_000 }, 'b') });
    await big.over;
    assert.ok(eventsOf(big.text)[0]?.includes('xxxxx'));
    const again = await stream(session, { last: big.ids[0] ?? '' });
    await again.over;
    const { id, error } = JSON.parse(eventsOf(again.text)[0] ?? '');
    assert.deepEqual([id, error.data.reason], ['b', 'answer_not_kept']);
  });

  it('is announced by an event without a message to clients of 2025-11-25 alone', async () => {
    for (const version of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
      const session = await openSession(bench.url, version);
      const answer = await stream(session, { body: toolCall('echo', { text: 'x' }) });
      await answer.over;
      const knows = version === '2025-11-25';
      assert.equal(/^id: \S+\nretry: 1000\ndata: \n\n/.test(answer.text), knows, version);
      assert.equal(answer.ids.length, knows ? 2 : 1, version);
      assert.equal(/^data: $/m.test(answer.text), knows, version);
    }
  });

  it('is taken up again by the client of the SDK without the caller seeing it', async () => {
    const between = await unreliableNetwork(bench.proxy.port);
    const client = await connectClient(`http://127.0.0.1:${between.port}/mcp`);
    const seen: number[] = [];
    const call = client.callTool(
      { name: 'progress', arguments: { steps: 30, ms: 50 } },
      undefined,
      { onprogress: ({ progress }) => seen.push(progress) },
    );
    await until(() => seen.length >= 2);
    between.cut();
    const answer = (await call) as { content: { text: string }[] };
    assert.equal(answer.content[0]?.text, 'finished');
    assert.deepEqual(
      seen,
      [...new Set(seen)].sort((a, b) => a - b),
      'each once, in order',
    );
    assert.equal(seen.length, 30);
    await client.close();
    between.close();
  });
});

describe('a stream of the server’s own messages', () => {
  it('goes on with what came while its client was away', async () => {
    const session = await openSession(bench.url);
    const first = await stream(session);
    await until(() => first.ids.length === 1);
    first.lose();
    await callTool(bench.url, session, 'add_tool', { name: 'while_away' });
    const second = await stream(session, { last: first.ids[0] ?? '' });
    assert.match((await second.messages(1)).join(), /list_changed/);
    second.lose();
  });

  it('begins anew when nothing is known of it, and says so with an id of its own', async () => {
    const session = await openSession(bench.url);
    const again = await stream(session, { last: 'g.000000000000.0.7' });
    await until(() => again.ids.length === 1);
    assert.ok(!again.text.includes('g.000000000000'));
    again.lose();
  });
});
