import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { generate } from 'selfsigned';
import {
  type Bench,
  callTool,
  connectClient,
  type Json,
  KEY,
  OTHER_KEY,
  openSession,
  post,
  startBench,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';
import {
  type Asked,
  listen,
  type SdkServer,
  serveScript,
  serveSdk,
} from '../fixtures/proxy/remote-server.ts';

const SECRET = 'arg-token-4f9a8b7c6d5e';
const BEARER = 'head-9e8d7c6b5a4f3e2d';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lakehouse-upstream-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, value: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  await rename(`${path}.new`, path);
  return path;
}

const settingsOf = (env: Record<string, string> = {}) => ({
  DREMIO_URL: '',
  UPSTREAM: 'http',
  ...env,
});

/** A proxy before the remote server at `url`. */
const bridge = (url: string, env: Record<string, string> = {}): Promise<Bench> =>
  startBench({ env: settingsOf({ UPSTREAM_URL: url, ...env }) });

for (const [stateful, json] of [
  [true, false],
  [true, true],
  [false, false],
  [false, true],
] as const)
  describe(`a remote server ${stateful ? 'with' : 'without'} sessions that answers with ${json ? 'JSON' : 'event streams'}`, () => {
    let server: SdkServer;
    let bench: Bench;
    before(async () => {
      server = await serveSdk({ stateful, json });
      bench = await bridge(server.url);
    });
    after(async () => {
      await bench[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    it('serves the clients of the SDK: handshake, tools, calls', async () => {
      const client = await connectClient(bench.url);
      assert.equal(client.getServerVersion()?.name, 'remote');
      assert.equal(client.getInstructions(), 'a remote server');
      const { tools } = await client.listTools();
      assert.deepEqual(
        tools.map(({ name }) => name),
        ['echo', 'steps', 'wait'],
      );
      const answer = await client.callTool({ name: 'echo', arguments: { n: 1.5 } });
      assert.deepEqual(answer.content, [{ type: 'text', text: '{"n":1.5}' }]);
      await client.close();
      assert.deepEqual((await bench.ready()).codes, []);
      // The handshake is asked once, whatever the number of clients.
      await (await connectClient(bench.url, OTHER_KEY)).close();
      assert.equal(server.seen.filter((one) => one === 'POST initialize').length, 1);
    });

    it('gives equal ids of many clients the right answers', async () => {
      const session = await openSession(bench.url);
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, n) => callTool(bench.url, session, 'echo', { n }, 7)),
      );
      assert.deepEqual(
        answers.map((answer) => [answer.id, textOf(answer)]),
        answers.map((_, n) => [7, `{"n":${n}}`]),
      );
    });
  });

describe('a remote server', () => {
  let server: SdkServer;
  let bench: Bench;
  before(async () => {
    server = await serveSdk({ stateful: true, json: false });
    bench = await bridge(server.url, {
      UPSTREAM_HEADERS_FILE: await file('headers.json', { Authorization: `Bearer ${BEARER}` }),
      UPSTREAM_ARGUMENTS_FILE: await file('arguments.json', { auth_token: SECRET, role: 'admin' }),
      UPSTREAM_HOST: 'localhost:8070',
    });
  });
  after(async () => {
    await bench[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  it('tells its progress to the client that asked, under its own token', async () => {
    const clients = await Promise.all([connectClient(bench.url), connectClient(bench.url)]);
    await Promise.all(
      clients.map(async (client, n) => {
        const heard: number[] = [];
        await client.callTool({ name: 'steps', arguments: { n } }, undefined, {
          onprogress: ({ progress }) => heard.push(progress),
        });
        assert.deepEqual(heard, [1, 2, 3]);
      }),
    );
    await Promise.all(clients.map((client) => client.close()));
    const session = await openSession(bench.url);
    const asked = toolCall('steps', {}, 1, { progressToken: 'mine' });
    const text = await (await post(bench.url, asked, { 'mcp-session-id': session })).text();
    assert.equal(text.match(/"progressToken":"mine"/g)?.length, 3, text);
  });

  it('hears that a client has cancelled its call', async () => {
    const session = await openSession(bench.url);
    const call = post(bench.url, toolCall('wait', {}, 'w'), { 'mcp-session-id': session });
    await until(() => server.begun.includes('wait'));
    await post(
      bench.url,
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'w' } },
      { 'mcp-session-id': session },
    );
    await until(() => server.cancelled.includes('wait'));
    assert.match(await (await call).text(), /the client cancelled this request/);
  });

  it('tells every client that its tools have changed', async () => {
    await until(() => server.seen.includes('GET'));
    const client = await connectClient(bench.url);
    const heard = new Promise<void>((resolve) =>
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve()),
    );
    await until(async () => {
      await server.addTool('later');
      return Promise.race([
        heard.then(() => true),
        new Promise<false>((resolve) => setTimeout(() => resolve(false), 50)),
      ]);
    });
    await client.close();
    // Its name is a label of metrics now.
    const session = await openSession(bench.url);
    await until(async () => {
      await callTool(bench.url, session, 'later');
      return /calls_total\{method="tools\/call",tool="later"/.test(await bench.metrics());
    });
  });

  it('gets the headers, the Host and the arguments of the files, whatever clients send', async () => {
    const session = await openSession(bench.url);
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"n":1.50,"auth_token":"mine", "role" : "root"}}}`;
    const before = server.headers.length;
    const text = await (await post(bench.url, body, { 'mcp-session-id': session })).text();
    assert.ok(!text.includes(SECRET) && !text.includes('mine') && !text.includes('root'), text);
    assert.match(text, /\[redacted\].*admin/);
    const { authorization, host } = server.headers[before] ?? {};
    assert.deepEqual([authorization, host], [`Bearer ${BEARER}`, 'localhost:8070']);
  });

  it('shows clients its tools without those arguments', async () => {
    const client = await connectClient(bench.url);
    const { tools } = await client.listTools();
    for (const { inputSchema } of tools)
      assert.deepEqual(inputSchema, {
        type: 'object',
        properties: { n: { type: 'number' } },
        required: ['n'],
      });
    await client.close();
  });

  it('gets the new headers and arguments when the files change', async () => {
    await file('headers.json', { authorization: 'Bearer the-next-header-0001' });
    await file('arguments.json', { role: 'reader' });
    const session = await openSession(bench.url);
    await until(async () => {
      const answer = await callTool(bench.url, session, 'echo');
      const last = server.headers.at(-1)?.authorization;
      return textOf(answer) === '{"role":"reader"}' && last === 'Bearer the-next-header-0001';
    });
  });

  it('is opened anew when it has forgotten its session, and the call is repeated once', async () => {
    const session = await openSession(bench.url);
    await callTool(bench.url, session, 'echo', { n: 1 });
    const opened = () => server.seen.filter((one) => one === 'POST initialize').length;
    const [begun, before] = [server.begun.length, opened()];
    await server.forget();
    const answers = await Promise.all(
      [1, 2, 3, 4].map((n) => callTool(bench.url, session, 'echo', { n })),
    );
    for (const answer of answers) assert.match(textOf(answer), /"n":\d/);
    assert.deepEqual([server.begun.length - begun, opened() - before], [4, 1]);
  });

  it('never has its credentials in a log line', () => {
    const log = JSON.stringify(bench.log);
    assert.ok(!log.includes(SECRET) && !log.includes(BEARER) && !log.includes('the-next-header'));
  });

  it('is counted by method and status', async () => {
    assert.match(
      await bench.metrics(),
      /lakehouse_proxy_upstream_requests_total\{method="tools\/call",status="200"[^}]*\} \d+/,
    );
  });
});

/** Answers to `tools/call` of a scripted server, and what the client gets for them. */
async function callOf(
  script: (asked: Asked) => void,
  env: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; body: string; bench: Bench; calls: number }> {
  let calls = 0;
  await using server = await serveScript((asked) => {
    if (asked.message?.method !== 'tools/call') return false;
    calls++;
    script(asked);
    return true;
  });
  await using bench = await bridge(server.url, env);
  const session = await openSession(bench.url);
  const response = await post(bench.url, toolCall('query'), { 'mcp-session-id': session });
  const body = await response.text();
  return { status: response.status, headers: response.headers, body, bench, calls };
}

const event = (data: unknown, more = '') => `${more}data: ${JSON.stringify(data)}\n\n`;
const stream = { 'content-type': 'text/event-stream' };

describe('a remote server that refuses or fails', () => {
  const failures: readonly [string, number, Record<string, string>, string, RegExp, number][] = [
    ['401', 401, {}, 'bad token', /upstream_refused|refuses this proxy \(401\): bad token/, 200],
    ['403', 403, {}, '', /refuses this proxy \(403\); UPSTREAM_HEADERS_FILE/, 200],
    ['421', 421, {}, 'Invalid Host', /Host header \(421\): Invalid Host; UPSTREAM_HOST/, 200],
    ['429', 429, { 'retry-after': '7' }, '', /too many requests \(429\)/, 503],
    ['503', 503, { 'retry-after': '9' }, '', /cannot serve now \(503\)/, 503],
    ['500', 500, {}, '{"error":{"message":"boom"}}', /answers 500: boom/, 200],
    ['a redirect', 302, { location: 'http://x/' }, '', /redirect \(302\): UPSTREAM_URL/, 200],
    ['a web page', 200, { 'content-type': 'text/html' }, '<b>', /text\/html, which is not/, 200],
    ['202 without an answer', 202, {}, '', /202 and no content type, which is not MCP/, 200],
    ['JSON of something else', 200, { 'content-type': 'application/json' }, '{}', /without a/, 200],
    ['an empty stream', 200, stream, ': nothing\n\n', /without a result; it may have worked/, 200],
  ];
  for (const [name, status, headers, text, words, expected] of failures)
    it(`answers the call in words: ${name}`, async () => {
      const got = await callOf(({ response }) => response.writeHead(status, headers).end(text));
      assert.match(got.body, words);
      assert.equal(got.status, expected, got.body);
      assert.equal(got.headers.get('retry-after'), headers['retry-after'] ?? null);
      assert.equal(got.calls, 1);
    });

  it('never gets a call twice whose connection was lost', async () => {
    const got = await callOf(({ response }) => response.destroy());
    const { error } = JSON.parse(got.body) as { error: { code: number; data: Json } };
    assert.deepEqual([error.code, error.data], [-32000, { reason: 'upstream_lost' }]);
    assert.equal(got.calls, 1);
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
        response.writeHead(200, stream).end('id: e1\nretry: 100\ndata:\n\n');
        return true;
      }
      if (http.method !== 'GET' || http.headers['last-event-id'] === undefined) return false;
      resumed = http.headers['last-event-id'];
      response.writeHead(200, stream).end(event({ jsonrpc: '2.0', id, result: { late: true } }));
      return true;
    });
    await using bench = await bridge(server.url);
    const session = await openSession(bench.url);
    const answer = await post(bench.url, toolCall('query'), { 'mcp-session-id': session });
    assert.match(await answer.text(), /"late":true/);
    assert.deepEqual([resumed, calls], ['e1', 1]);
  });

  it('fails one call alone with an answer above the limit, as JSON and in a stream', async () => {
    for (const form of ['application/json', 'text/event-stream']) {
      const got = await callOf(
        ({ response, message }) => {
          const answer = { jsonrpc: '2.0', id: message?.id, result: { x: 'y'.repeat(10_000) } };
          const json = form === 'application/json';
          response
            .writeHead(200, { 'content-type': form })
            .end(json ? JSON.stringify(answer) : event(answer));
        },
        { MESSAGE_LIMIT: '4096' },
      );
      assert.match(got.body, /result_too_large/, form);
    }
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
    const path = await file('refused.json', { 'x-key': 'the-wrong-key-000001' });
    await using server = await serveScript(({ http, response }) => {
      if (http.headers['x-key'] === 'the-right-key-000001') return false;
      response.writeHead(401).end(`the-wrong-key-000001 is wrong, the-wrong-k too`);
      return true;
    });
    await using bench = await bridge(server.url, { UPSTREAM_HEADERS_FILE: path });
    await until(async () => (await bench.ready()).codes[0] === 'upstream_refused');
    assert.ok(!JSON.stringify(bench.log).includes('the-wrong-key'));
    await file('refused.json', { 'x-key': 'the-right-key-000001' });
    await until(async () => (await bench.ready()).status === 200);
  });
});

it('a remote server is believed only with a certificate for its own address, whatever Host it wants', async () => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'test' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  const hosts = new Set<string | undefined>();
  const https = createServer({ key, cert }, (request, response) => {
    hosts.add(request.headers.host);
    response.writeHead(503).end();
  });
  await using server = await listen(https, 0, 'https');
  const ca = join(folder, 'ca.pem');
  await writeFile(ca, cert);
  const reasonOf = async (env: Record<string, string>) => {
    await using bench = await bridge(server.url, { UPSTREAM_HOST: 'other.example', ...env });
    await until(async () => (await bench.ready()).codes[0] !== 'upstream_unchecked');
    return (await bench.ready()).codes[0];
  };
  assert.equal(await reasonOf({}), 'upstream_unreachable');
  assert.equal(hosts.size, 0);
  assert.equal(await reasonOf({ UPSTREAM_CA_FILE: ca }), 'upstream_unwell');
  assert.deepEqual([...hosts], ['other.example']);
  const named = server.url.replace('127.0.0.1', 'localhost');
  await using bench = await bridge(named, { UPSTREAM_CA_FILE: ca });
  await until(async () => (await bench.ready()).codes[0] === 'upstream_unreachable');
  assert.equal(hosts.size, 1);
});

it('a status in the JSON of a result makes it an error where the settings say so', async () => {
  const failed = { result: null, status: 'ERROR', message: 'PermissionError: role' };
  const result = { content: [{ type: 'text', text: JSON.stringify(failed) }], isError: false };
  const answer = async (env: Record<string, string>) => {
    const got = await callOf((asked) => asked.answer(result), env);
    return JSON.parse(got.body) as { result: Json };
  };
  assert.deepEqual((await answer({})).result, result);
  assert.deepEqual((await answer({ UPSTREAM_ERROR_STATUS: 'ERROR' })).result, {
    ...result,
    isError: true,
  });
});

it('the key of a client never reaches the remote server', async () => {
  const seen: string[] = [];
  await using server = await serveScript(({ http, message }) => {
    seen.push(JSON.stringify([http.rawHeaders, http.url, message]));
    return false;
  });
  await using bench = await bridge(server.url);
  await callTool(bench.url, await openSession(bench.url), 'query');
  assert.ok(seen.length > 3 && !seen.some((one) => one.includes(KEY)));
});
