import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';
import { bridge, callOf, writeSecret } from '../fixtures/proxy/remote-bench.ts';
import { listen, type SdkServer, serveScript, serveSdk } from '../fixtures/proxy/remote-server.ts';

const SECRET = 'arg-token-4f9a8b7c6d5e';
const BEARER = 'head-9e8d7c6b5a4f3e2d';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lakehouse-upstream-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const file = (name: string, value: unknown) => writeSecret(folder, name, value);

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
