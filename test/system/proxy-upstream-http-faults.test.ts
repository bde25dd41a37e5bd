import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  type Bench,
  callTool,
  type Json,
  openSession,
  post,
  type RpcAnswer,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';
import { bridge, EVENTS, event, writeSecret } from '../fixtures/proxy/remote-bench.ts';
import {
  type Asked,
  listen,
  type RemoteServer,
  serveScript,
} from '../fixtures/proxy/remote-server.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const HTML = { 'content-type': 'text/html' };
const GZIP = { 'content-encoding': 'gzip' };
const TEXT = { content: [{ type: 'text', text: 'rows' }] };

/** An answer to a request, with its own id or another. */
const answerTo = ({ message }: Asked, id: unknown = message?.id, result: Json = TEXT): string =>
  JSON.stringify({ jsonrpc: '2.0', id, result });

/** What the server does with a call, and what its client then gets. */
interface Fault {
  readonly name: string;
  does(asked: Asked): void;
  readonly says: RegExp;
  /** 200 when left out. */
  readonly status?: number;
  /** −32603 when left out. */
  readonly code?: number;
  readonly retryAfter?: string;
  /** The server may have worked on the call, and the client is told so. */
  readonly fate?: boolean;
}

const status =
  (code: number, headers: Record<string, string> = {}, body = '') =>
  ({ response }: Asked) =>
    void response.writeHead(code, headers).end(body);
const lost = { code: -32000, fate: true };
const unwell = { fate: true };

const FAULTS: readonly Fault[] = [
  {
    name: '401',
    does: status(401, {}, 'bad'),
    says: /refuses this proxy \(401\): bad; UPSTREAM_HE/,
  },
  { name: '403', does: status(403), says: /refuses this proxy \(403\); UPSTREAM_HEADERS_FILE/ },
  { name: '404', does: status(404), says: /no MCP endpoint at .* \(404\): UPSTREAM_URL is wrong/ },
  {
    name: '421',
    does: status(421, {}, 'Invalid Host'),
    says: /\(421\): Invalid Host; UPSTREAM_HOST/,
  },
  {
    name: '429 with Retry-After',
    does: status(429, { 'retry-after': '7' }),
    says: /too many requests \(429\)/,
    status: 503,
    retryAfter: '7',
  },
  {
    name: '503 with Retry-After',
    does: status(503, { 'retry-after': '9' }),
    says: /cannot serve now \(503\)/,
    status: 503,
    retryAfter: '9',
  },
  {
    name: '500',
    does: status(500, JSON_TYPE, '{"error":{"message":"boom"}}'),
    says: /answers 500: boom/,
    ...unwell,
  },
  { name: '502 of a gateway', does: status(502, HTML, '<b>Bad'), says: /answers 502;/, ...unwell },
  {
    name: 'a web page instead of JSON',
    does: status(200, HTML, '<b>'),
    says: /200 and text\/html, which is not MCP: UPSTREAM_URL/,
    ...unwell,
  },
  {
    name: 'JSON under the wrong content type',
    does: (asked) =>
      asked.response.writeHead(200, { 'content-type': 'text/plain' }).end(answerTo(asked)),
    says: /text\/plain, which is not MCP/,
    ...unwell,
  },
  { name: '202 without an answer', does: status(202), says: /202 and no content type/, ...unwell },
  {
    name: 'JSON of something else',
    does: status(200, JSON_TYPE, '{}'),
    says: /without a result/,
    ...lost,
  },
  {
    name: 'no JSON at all',
    does: status(200, JSON_TYPE, 'oops'),
    says: /without a result/,
    ...lost,
  },
  {
    name: 'an empty stream',
    does: status(200, EVENTS, ': x\n\n'),
    says: /without a result/,
    ...lost,
  },
  {
    name: 'an answer to another id',
    does: (asked) => asked.response.writeHead(200, JSON_TYPE).end(answerTo(asked, 99_999)),
    says: /without a result/,
    ...lost,
  },
  {
    name: 'an answer to another id, in a stream',
    does: (asked) =>
      asked.response.writeHead(200, EVENTS).end(event({ jsonrpc: '2.0', id: 'x', result: {} })),
    says: /without a result/,
    ...lost,
  },
  {
    name: 'a connection that is closed',
    does: ({ response }) => response.destroy(),
    says: /was lost/,
    ...lost,
  },
  {
    name: 'half of an answer, and a reset',
    does: (asked) => {
      const text = answerTo(asked);
      const { response } = asked;
      response.writeHead(200, { ...JSON_TYPE, 'content-length': text.length });
      response.write(text.slice(0, 20), () => response.socket?.resetAndDestroy());
    },
    says: /was lost/,
    ...lost,
  },
  {
    name: 'half of an event, and a reset',
    does: (asked) => {
      const { response } = asked;
      response.writeHead(200, EVENTS);
      response.write(`data: ${answerTo(asked).slice(0, 20)}`, () =>
        response.socket?.resetAndDestroy(),
      );
    },
    says: /was lost/,
    ...lost,
  },
  {
    name: 'a compressed answer, which was not asked for',
    does: (asked) =>
      asked.response.writeHead(200, { ...JSON_TYPE, ...GZIP }).end(gzipSync(answerTo(asked))),
    says: /content encoding gzip, which the proxy did not ask for/,
    ...unwell,
  },
  {
    name: 'a compressed stream',
    does: (asked) =>
      asked.response
        .writeHead(200, { ...EVENTS, ...GZIP })
        .end(gzipSync(`data: ${answerTo(asked)}\n\n`)),
    says: /content encoding gzip/,
    ...unwell,
  },
  {
    name: 'an answer above the limit',
    does: (asked) =>
      asked.response
        .writeHead(200, JSON_TYPE)
        .end(answerTo(asked, undefined, { x: 'y'.repeat(10_000) })),
    says: /result_too_large/,
  },
  {
    name: 'an answer above the limit, in a stream',
    does: (asked) =>
      asked.response
        .writeHead(200, EVENTS)
        .end(`data: ${answerTo(asked, undefined, { x: 'y'.repeat(10_000) })}\n\n`),
    says: /result_too_large/,
  },
];

describe('a call to a remote server that fails', () => {
  let fault: ((asked: Asked) => void) | undefined;
  let calls = 0;
  let server: RemoteServer;
  let bench: Bench;
  let session: string;
  before(async () => {
    server = await serveScript((asked) => {
      if (asked.message?.method !== 'tools/call') return false;
      calls++;
      const now = fault;
      fault = undefined;
      if (now) now(asked);
      else asked.answer(TEXT);
      return true;
    });
    bench = await bridge(server.url, { MESSAGE_LIMIT: '4096', CALL_TIMEOUT: '4' });
    session = await openSession(bench.url);
  });
  after(async () => {
    await bench[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  const ask = () => post(bench.url, toolCall('query'), { 'mcp-session-id': session });
  const works = async () =>
    assert.equal(textOf(await callTool(bench.url, session, 'query')), 'rows');

  for (const row of FAULTS)
    it(`fault 29: ${row.name}: its client gets one error in words, and the next call is answered`, async () => {
      calls = 0;
      fault = row.does;
      const response = await ask();
      const text = await response.text();
      const { error, id } = JSON.parse(text) as RpcAnswer;
      assert.match(text, row.says);
      assert.deepEqual(
        [response.status, response.headers.get('retry-after'), id, error?.code, calls],
        [row.status ?? 200, row.retryAfter ?? null, 1, row.code ?? -32603, 1],
      );
      assert.equal(/it may have worked on the call/.test(text), row.fate ?? false, text);
      await works();
    });

  it('fault 29: no redirect is followed, so that no other server sees a credential', async () => {
    let reached = 0;
    const elsewhere = createServer((_, response) => {
      reached++;
      response.end();
    });
    await using other = await listen(elsewhere);
    for (const code of [301, 302, 303, 307, 308]) {
      fault = status(code, { location: other.url });
      assert.match(await (await ask()).text(), new RegExp(`redirect \\(${code}\\): UPSTREAM_URL`));
    }
    assert.equal(reached, 0);
    await works();
  });

  it('fault 29: it never answers: each call ends at its deadline, the server is told, others are served', async () => {
    const comments: NodeJS.Timeout[] = [];
    const silences: ((asked: Asked) => void)[] = [
      () => {},
      ({ response }) => response.writeHead(200, JSON_TYPE).write('{"jsonrpc":'),
      ({ response }) => {
        response.writeHead(200, EVENTS);
        comments.push(setInterval(() => response.write(': still here\n\n'), 50));
      },
    ];
    try {
      const answers = [];
      for (const silence of silences) {
        const before = calls;
        fault = silence;
        answers.push(ask().then((response) => response.json() as Promise<RpcAnswer>));
        await until(() => calls > before);
      }
      await works();
      for (const { error } of await Promise.all(answers))
        assert.match(`${error?.code} ${error?.message}`, /^-32001 no answer within 4 s/);
      await works();
      await until(async () => (await bench.ready()).status === 200);
      await until(async () =>
        /method="notifications\/cancelled",status="202"[^}]*\} 3/.test(await bench.metrics()),
      );
    } finally {
      for (const timer of comments) clearInterval(timer);
    }
  });

  it('fault 29: it is slow, byte by byte: the answer arrives whole', async () => {
    fault = async (asked) => {
      asked.response.writeHead(200, EVENTS);
      for (const byte of Buffer.from(`id: 1\r\ndata: ${answerTo(asked)}\r\n\r\n`)) {
        asked.response.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      asked.response.end();
    };
    await works();
  });

  it('fault 29: it answers twice: the client gets the first answer', async () => {
    fault = (asked) =>
      asked.response
        .writeHead(200, EVENTS)
        .end(`data: ${answerTo(asked)}\n\ndata: ${answerTo(asked, undefined, { second: 1 })}\n\n`);
    const text = await (await ask()).text();
    assert.match(text, /rows/);
    assert.ok(!text.includes('second'));
    await works();
  });
});

describe('a remote server that fails', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakehouse-faults-'));
  });
  after(() => rm(folder, { recursive: true }));

  for (const [refusal, text] of [
    [404, 'Session not found'],
    [400, 'Bad Request: No valid session ID provided'],
  ] as const)
    it(`fault 29: it restarts and has forgotten its sessions (${refusal}): one is opened anew, each call works once`, async () => {
      const known = new Set<string>();
      let opened = 0;
      let worked = 0;
      await using server = await serveScript(({ http, message, response, answer }) => {
        if (message?.method === 'initialize') {
          const id = `session-${++opened}`;
          known.add(id);
          const info = {
            serverInfo: { name: 'forgetful', version: '1' },
            capabilities: { tools: {} },
          };
          answer({ protocolVersion: '2025-06-18', ...info }, { 'mcp-session-id': id });
          return true;
        }
        if (known.has(String(http.headers['mcp-session-id']))) {
          if (message?.method === 'tools/call') worked++;
          return false;
        }
        response.writeHead(refusal).end(text);
        return true;
      });
      await using bench = await bridge(server.url);
      const session = await openSession(bench.url);
      await callTool(bench.url, session, 'query');
      known.clear();
      const answers = await Promise.all(
        [1, 2, 3].map((id) => callTool(bench.url, session, 'query', {}, id)),
      );
      for (const { error } of answers) assert.equal(error, undefined);
      assert.deepEqual([opened, worked], [2, 4]);
    });

  it('fault 29: it has too many requests already when it is opened: it is left alone as long as it asks', async () => {
    await using server = await serveScript(({ response }) => {
      response.writeHead(429, { 'retry-after': '7' }).end();
      return true;
    });
    await using bench = await bridge(server.url);
    const tried = await until(() => bench.log.find((one) => one.event === 'upstream_not_ready'));
    assert.equal(tried.pause_ms, 7_000);
    assert.deepEqual((await bench.ready()).codes, ['upstream_busy']);
  });

  it('fault 29: its stream is cut in the middle of an event: it is taken up behind the last whole one', async () => {
    const resumed: unknown[] = [];
    let calls = 0;
    let whole = '';
    await using server = await serveScript((asked) => {
      const { message, http, response } = asked;
      const last = http.headers['last-event-id'];
      if (message?.method === 'tools/call') {
        calls++;
        whole = answerTo(asked);
        const cut = `id: e1\nretry: 100\ndata:\n\nid: e2\ndata: ${whole.slice(0, 25)}`;
        response.writeHead(200, EVENTS).write(cut, () => response.socket?.resetAndDestroy());
        return true;
      }
      if (http.method !== 'GET' || last === undefined) return false;
      resumed.push(last);
      response.writeHead(200, EVENTS).end(`id: e2\ndata: ${whole}\n\n`);
      return true;
    });
    await using bench = await bridge(server.url);
    const session = await openSession(bench.url);
    assert.equal(textOf(await callTool(bench.url, session, 'query')), 'rows');
    assert.deepEqual([resumed, calls], [['e1'], 1]);
  });

  it('gets what only reads a second time when the connection was lost', async () => {
    let lists = 0;
    await using server = await serveScript(({ message, response }) => {
      if (message?.method !== 'prompts/list' || lists++ > 0) return false;
      response.destroy();
      return true;
    });
    await using bench = await bridge(server.url);
    const session = await openSession(bench.url);
    const list = { jsonrpc: '2.0', id: 1, method: 'prompts/list' };
    const answer = await post(bench.url, list, { 'mcp-session-id': session });
    assert.deepEqual(await answer.json(), { jsonrpc: '2.0', id: 1, result: {} });
    assert.equal(lists, 2);
  });

  it('is heard to the end when it ends a numbered stream early; the call is not sent again', async () => {
    let id: number | undefined;
    let resumed: string | string[] | undefined;
    let calls = 0;
    await using server = await serveScript(({ message, http, response }) => {
      if (message?.method === 'tools/call') {
        calls++;
        id = message.id;
        response.writeHead(200, EVENTS).end('id: e1\nretry: 100\ndata:\n\n');
        return true;
      }
      if (http.method !== 'GET' || http.headers['last-event-id'] === undefined) return false;
      resumed = http.headers['last-event-id'];
      response.writeHead(200, EVENTS).end(event({ jsonrpc: '2.0', id, result: { late: true } }));
      return true;
    });
    await using bench = await bridge(server.url);
    const session = await openSession(bench.url);
    const answer = await post(bench.url, toolCall('query'), { 'mcp-session-id': session });
    assert.match(await answer.text(), /"late":true/);
    assert.deepEqual([resumed, calls], ['e1', 1]);
  });

  it('is not well, and says why, until it is there; calls wait for it a moment', async () => {
    const first = await serveScript(() => false);
    await first[Symbol.asyncDispose]();
    await using bench = await bridge(first.url);
    await until(async () => (await bench.ready()).codes[0] === 'upstream_unreachable');
    const opening = openSession(bench.url);
    await using _second = await serveScript(() => false, first.port);
    const session = await opening;
    assert.equal((await callTool(bench.url, session, 'query')).error, undefined);
    assert.deepEqual((await bench.ready()).codes, []);
  });

  it('is waited for while it restarts, since a call that reached nobody was not executed', async () => {
    let calls = 0;
    const script = ({ message }: Asked) => {
      if (message?.method === 'tools/call') calls++;
      return false;
    };
    const first = await serveScript(script);
    await using bench = await bridge(first.url);
    const session = await openSession(bench.url);
    await callTool(bench.url, session, 'query');
    await first[Symbol.asyncDispose]();
    const answer = callTool(bench.url, session, 'query');
    await until(async () => (await bench.ready()).codes[0] === 'upstream_unreachable');
    await using _second = await serveScript(script, first.port);
    assert.equal((await answer).error, undefined);
    assert.equal(calls, 2);
  });

  it('is told to be refused while it refuses the credentials, and well once the file has good ones', async () => {
    const path = await writeSecret(folder, 'refused.json', { 'x-key': 'the-wrong-key-000001' });
    await using server = await serveScript(({ http, response }) => {
      if (http.headers['x-key'] === 'the-right-key-000001') return false;
      response.writeHead(401).end(`the-wrong-key-000001 is wrong, the-wrong-k too`);
      return true;
    });
    await using bench = await bridge(server.url, { UPSTREAM_HEADERS_FILE: path });
    await until(async () => (await bench.ready()).codes[0] === 'upstream_refused');
    assert.ok(!JSON.stringify(bench.log).includes('the-wrong-key'));
    await writeSecret(folder, 'refused.json', { 'x-key': 'the-right-key-000001' });
    await until(async () => (await bench.ready()).status === 200);
  });
});
