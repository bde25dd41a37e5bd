import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createLogger } from '../../images/kit/src/logger.ts';
import { startFront } from '../../images/proxy/src/front/server.ts';
import {
  type Bench,
  callTool,
  HEADERS,
  initializeMessage,
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

let bench: Bench;
let session: string;

before(async () => {
  bench = await startBench();
  session = await openSession(bench.url);
});
after(() => bench[Symbol.asyncDispose]());

/** A request with exactly these headers; arrays send a header more than once. */
function raw(
  method: string,
  headers: Record<string, string | string[]>,
  { path = '/mcp', body = '' } = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  return new Promise((resolve, reject) => {
    const list = Object.entries(headers).flatMap(([name, value]) =>
      [value].flat().flatMap((one) => [name, one]),
    );
    const request = httpRequest(
      { port: bench.proxy.port, host: '127.0.0.1', method, path, headers: list, setHost: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

const good = (): Record<string, string | string[]> => ({
  host: `localhost:${bench.proxy.port}`,
  authorization: `Bearer ${KEY}`,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-session-id': session,
});
const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
const codeOf = (text: string) => (JSON.parse(text) as { error: { code: number } }).error.code;

describe('who is let in', () => {
  const statusWith = async (headers: Record<string, string | string[]>) =>
    (await raw('POST', { ...good(), ...headers }, { body: ping })).status;

  it('P12: serves the loopback hosts on any port', async () => {
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1', '127.0.0.1:65535', '[::1]:8080'])
      assert.equal(await statusWith({ host }), 200, host);
  });

  it('P12: refuses every other host with 403, also with a valid key', async () => {
    const hosts = [
      'evil.example',
      'localhost.',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
    ];
    hosts.push('evil.example:8080', '127.0.0.2', '[::2]', 'localhost:http', 'user@localhost', '');
    for (const host of hosts) assert.equal(await statusWith({ host }), 403, JSON.stringify(host));
    const two = await raw(
      'POST',
      { ...good(), host: ['localhost', 'evil.example'] },
      { body: ping },
    );
    // The parser of Node refuses two Host headers before we see them.
    assert.ok([400, 403].includes(two.status));
  });

  it('serves requests without an origin and with one of a loopback host', async () => {
    for (const origin of ['http://localhost', 'http://localhost:3000', 'http://[::1]:5173'])
      assert.equal(await statusWith({ origin }), 200, origin);
  });

  it('P12: refuses every other origin with 403, also with a valid key', async () => {
    const origins = [
      'null',
      'https://localhost',
      'http://evil.example',
      'http://localhost.evil.example',
    ];
    origins.push(
      'http://localhost:3000/',
      'http://localhost@evil.example',
      'file://',
      '',
      'localhost',
    );
    for (const origin of origins)
      assert.equal(await statusWith({ origin }), 403, JSON.stringify(origin));
    assert.equal(await statusWith({ origin: ['http://localhost', 'http://evil.example'] }), 403);
  });

  it('P11: asks for a key on every method and path, and for a valid one', async () => {
    const wrong: (string | string[] | undefined)[] = [undefined, '', 'Bearer', 'Bearer ', KEY];
    wrong.push(`Basic ${KEY}`, `Bearer ${KEY}x`, `Bearer ${KEY.slice(1)}`, `Bearer ${KEY} ${KEY}`);
    wrong.push(`Bearer ${KEY.toUpperCase()}`, [`Bearer ${KEY}`, `Bearer ${OTHER_KEY}`]);
    const { authorization: _, ...rest } = good();
    for (const method of ['POST', 'GET', 'DELETE', 'OPTIONS', 'PUT'])
      for (const path of ['/mcp', '/', '/readyz', '/mcp/../mcp'])
        for (const authorization of wrong) {
          const headers = authorization === undefined ? rest : { ...rest, authorization };
          const answer = await raw(method, headers, { path, body: method === 'POST' ? ping : '' });
          assert.equal(answer.status, 401, `${method} ${path} ${authorization}`);
          assert.match(String(answer.headers['www-authenticate']), /^Bearer realm=/);
        }
  });

  it('takes the scheme in any case, and the key of each client', async () => {
    assert.equal(await statusWith({ authorization: `bearer ${KEY}` }), 200);
    const other = await openSession(bench.url, undefined, OTHER_KEY);
    const authorization = `Bearer ${OTHER_KEY}`;
    assert.equal(await statusWith({ authorization, 'mcp-session-id': other }), 200);
  });

  it('never repeats a key or names which one was near', async () => {
    const answer = await raw(
      'POST',
      { ...good(), authorization: `Bearer ${KEY}x` },
      { body: ping },
    );
    assert.ok(!answer.body.includes(KEY));
    assert.ok(!JSON.stringify(bench.log).includes(KEY));
  });
});

describe('sessions', () => {
  it('gives out an id that only its own key can use', async () => {
    const stranger = { authorization: `Bearer ${OTHER_KEY}`, 'mcp-session-id': session };
    assert.equal((await post(bench.url, ping, stranger)).status, 404);
    assert.equal((await post(bench.url, ping, { 'mcp-session-id': session })).status, 200);
  });

  it('answers 400 without an id and 404 for one that is unknown or was changed', async () => {
    assert.equal((await post(bench.url, ping)).status, 400);
    const [content = '', signature = ''] = session.split('.');
    const forged = Buffer.from(
      Buffer.from(content, 'base64url').toString().replace('first', 'other'),
    ).toString('base64url');
    const wrong = [
      'x',
      `${session}x`,
      `${content}.`,
      `${forged}.${signature}`,
      `${session}.${signature}`,
    ];
    wrong.push('a'.repeat(5_000), '../../etc/passwd');
    for (const id of wrong)
      assert.equal((await post(bench.url, ping, { 'mcp-session-id': id })).status, 404, id);
  });

  it('ends with DELETE', async () => {
    const own = await openSession(bench.url);
    const headers = { ...HEADERS, 'mcp-session-id': own };
    assert.equal((await fetch(bench.url, { method: 'DELETE', headers })).status, 204);
    assert.equal((await post(bench.url, ping, { 'mcp-session-id': own })).status, 404);
    assert.equal((await fetch(bench.url, { method: 'DELETE', headers })).status, 404);
    assert.equal((await fetch(bench.url, { method: 'DELETE', headers: HEADERS })).status, 400);
  });

  it('speaks the revision that the client asks for, else the newest', async () => {
    const spoken = async (version: string) => {
      const response = await post(bench.url, initializeMessage(version));
      return ((await response.json()) as { result: Json }).result.protocolVersion;
    };
    for (const version of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'])
      assert.equal(await spoken(version), version);
    for (const version of ['2026-07-28', '1999-01-01', 'x'])
      assert.equal(await spoken(version), '2025-11-25');
  });

  it('offers what a shared server can keep towards everyone, and no more', async () => {
    const response = await post(bench.url, initializeMessage());
    const { result } = (await response.json()) as { result: Json };
    assert.deepEqual(result.capabilities, {
      tools: { listChanged: true },
      prompts: {},
      resources: {},
    });
    assert.deepEqual(result.serverInfo, { name: 'fake', version: '1' });
    assert.equal(result.instructions, 'for tests');
    for (const method of [
      'logging/setLevel',
      'resources/subscribe',
      'tasks/list',
      'server/discover',
    ]) {
      const answer = await post(
        bench.url,
        { jsonrpc: '2.0', id: 5, method },
        { 'mcp-session-id': session },
      );
      assert.equal(codeOf(await answer.text()), -32601, method);
    }
  });

  it('refuses initialize without a protocol version', async () => {
    const answer = await post(bench.url, {
      jsonrpc: '2.0',
      id: 'a',
      method: 'initialize',
      params: {},
    });
    assert.deepEqual(await answer.json(), {
      jsonrpc: '2.0',
      id: 'a',
      error: { code: -32602, message: 'initialize needs a protocolVersion' },
    });
  });
});

describe('requests that are not as they should be', () => {
  const withSession = () => ({ 'mcp-session-id': session });

  it('answers 405 to other methods, naming the right ones', async () => {
    for (const method of ['PUT', 'PATCH', 'OPTIONS']) {
      const response = await fetch(bench.url, { method, headers: HEADERS });
      assert.equal(response.status, 405, method);
      assert.equal(response.headers.get('allow'), 'POST, GET, DELETE');
    }
  });

  it('tells a client of the old HTTP+SSE transport what to use instead', async () => {
    const headers = { authorization: HEADERS.authorization, accept: 'text/event-stream' };
    const response = await fetch(bench.url, { headers });
    assert.equal(response.status, 405);
    assert.match(await response.text(), /use Streamable HTTP/);
  });

  it('answers 404 to other paths', async () => {
    for (const path of ['/', '/mcp/', '/sse', '/messages', '/readyz', '/metrics'])
      assert.equal((await raw('POST', good(), { path, body: ping })).status, 404, path);
    assert.equal((await raw('POST', good(), { path: '/mcp?x=1', body: ping })).status, 200);
  });

  it('fault 22: answers 415 to a body of another type, 406 to a client that takes neither form', async () => {
    for (const type of ['text/plain', 'application/json-rpc', 'application/x-www-form-urlencoded'])
      assert.equal(
        (await post(bench.url, ping, { ...withSession(), 'content-type': type })).status,
        415,
      );
    assert.equal(
      (await post(bench.url, ping, { ...withSession(), 'content-encoding': 'gzip' })).status,
      415,
    );
    const type = 'application/json; charset=utf-8';
    assert.equal(
      (await post(bench.url, ping, { ...withSession(), 'content-type': type })).status,
      200,
    );
    for (const accept of ['text/html', 'application/xml', 'application/json;q=0'])
      assert.equal((await post(bench.url, ping, { ...withSession(), accept })).status, 406, accept);
  });

  it('answers as JSON, or as a stream to a client that takes only that', async () => {
    const typeFor = async (accept: string) =>
      (await post(bench.url, ping, { ...withSession(), accept })).headers.get('content-type');
    assert.equal(await typeFor('application/json, text/event-stream'), 'application/json');
    assert.equal(await typeFor('*/*'), 'application/json');
    assert.equal(await typeFor('application/json'), 'application/json');
    assert.equal(await typeFor('text/event-stream'), 'text/event-stream');
  });

  it('fault 23: answers 400 to a revision that it does not speak', async () => {
    const status = async (version: string) =>
      (await post(bench.url, ping, { ...withSession(), 'mcp-protocol-version': version })).status;
    for (const version of ['2026-07-28', '2025-11-26', 'x'])
      assert.equal(await status(version), 400);
    for (const version of ['2025-11-25', '2025-03-26']) assert.equal(await status(version), 200);
  });

  it('fault 23: goes by the body alone in these revisions, whatever headers of a later one say', async () => {
    const headers = { ...withSession(), 'mcp-method': 'tools/call', 'mcp-name': 'die' };
    const answer = await post(bench.url, ping, headers);
    assert.deepEqual(await answer.json(), { jsonrpc: '2.0', id: 1, result: {} });
  });

  it('fault 22: answers 400 and -32700 to what is not JSON', async () => {
    const bodies: (string | Uint8Array)[] = ['', '{', 'hello', '{"a":1}x', '\ufeff{}'];
    bodies.push(Buffer.from([0x22, 0xff, 0x22]), Buffer.from('{"jsonrpc":"2.0"\0}'));
    for (const body of bodies) {
      const answer = await post(bench.url, body as string, withSession());
      assert.equal(answer.status, 400);
      assert.equal(codeOf(await answer.text()), -32700);
    }
  });

  it('fault 22: answers 400 and -32600 to JSON that is not JSON-RPC', async () => {
    const bodies = [
      '1',
      'null',
      '"x"',
      '{}',
      '[]',
      '[1]',
      '{"jsonrpc":"1.0","id":1,"method":"ping"}',
    ];
    bodies.push(
      '{"jsonrpc":"2.0","id":null,"method":"ping"}',
      '{"jsonrpc":"2.0","id":{},"method":"ping"}',
    );
    bodies.push(
      '{"jsonrpc":"2.0","id":1,"method":5}',
      '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}',
    );
    bodies.push('{"jsonrpc":"2.0","id":1}', '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}');
    bodies.push('{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}');
    bodies.push('{"jsonrpc":"2.0","id":1,"i\\u0064":2,"method":"ping"}');
    bodies.push('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"\\ud800"}}');
    bodies.push(
      `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":${'['.repeat(1e5)}${']'.repeat(1e5)}}}`,
    );
    for (const body of bodies) {
      const answer = await post(bench.url, body, withSession());
      assert.equal(answer.status, 400, body.slice(0, 80));
      assert.equal(codeOf(await answer.text()), -32600, body.slice(0, 80));
    }
  });

  it('P10, fault 22: answers 413 to a body above the limit, with a length or without, and serves the next request', async () => {
    const large = JSON.stringify(toolCall('echo', { text: 'x'.repeat(5 * 1024 * 1024) }));
    const announced = await post(bench.url, large, withSession());
    assert.equal(announced.status, 413);
    const chunked = await raw(
      'POST',
      { ...good(), 'transfer-encoding': 'chunked' },
      { body: large },
    );
    assert.equal(chunked.status, 413);
    assert.equal((await post(bench.url, ping, withSession())).status, 200);
  });

  it('fault 22: accepts a batch in the revision that has them, and refuses it in the others', async () => {
    const batch = [
      toolCall('echo', { text: 'one' }, 1),
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 'two', method: 'ping' },
      initializeMessage('2025-03-26', 3),
    ];
    const old = await openSession(bench.url, '2025-03-26');
    const answers = (await (
      await post(bench.url, batch, { 'mcp-session-id': old })
    ).json()) as Json[];
    assert.deepEqual(
      answers.map(({ id }) => id),
      [1, 'two', 3],
    );
    assert.equal((answers[2] as { error: { code: number } }).error.code, -32600);
    const refused = await post(bench.url, batch, withSession());
    assert.equal(refused.status, 400);
    assert.equal(codeOf(await refused.text()), -32600);
  });

  it('answers 202 without a body to notifications and responses', async () => {
    for (const message of [
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', method: 'notifications/unheard_of', params: { a: 1 } },
      { jsonrpc: '2.0', id: 7, result: {} },
    ]) {
      const answer = await post(bench.url, message, withSession());
      assert.equal(answer.status, 202);
      assert.equal(await answer.text(), '');
    }
  });

  it('P9, fault 21: cuts a client that sends its headers or its body too slowly with 408', async () => {
    const front = await startFront({
      port: 0,
      guard: {
        allowsHost: () => true,
        allowsOrigin: () => true,
        keys: { identify: () => ({ name: 'x' }) },
      },
      clientOf: () => undefined,
      era: { post: async () => {}, get: () => {}, delete: () => {}, close: () => {} },
      bodyLimit: 100,
      outflow: { stallMs: 1_000, connectionBytes: 1_000, totalBytes: 1_000 },
      patience: { headersMs: 100, requestMs: 200, checkMs: 20 },
      log: createLogger({ service: 'proxy', level: 'error' }),
      onAnswer: () => {},
    });
    const starts = ['POST /mcp HTTP/1.1\r\nHost: x\r\nX-Slow: '];
    starts.push(
      'POST /mcp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    );
    for (const start of starts) {
      const socket = connect(front.port, '127.0.0.1');
      let seen = '';
      socket.setEncoding('utf8');
      socket.on('data', (piece: string) => {
        seen += piece;
      });
      socket.write(start);
      await until(() => seen.startsWith('HTTP/1.1 408'));
      socket.destroy();
    }
    await front.close();
  });
});

describe('answers', () => {
  it('P13: gives each of 200 concurrent posts with the same id its own answer', async () => {
    const texts = Array.from({ length: 200 }, (_, i) => `payload ${i}`);
    const answers = await Promise.all(
      texts.map((text) => callTool(bench.url, session, 'echo', { text }, 1)),
    );
    assert.deepEqual(answers.map(textOf), texts);
    assert.ok(answers.every(({ id }) => id === 1));
  });

  it('gives back ids exactly as they were written', async () => {
    for (const id of ['"x"', '0', '-1', '12345678901234567890', '1.50', '"\\u00e9\\n"', '""']) {
      const body = `{"jsonrpc": "2.0",\n "id": ${id}, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": "t"}}}`;
      const answer = await (await post(bench.url, body, { 'mcp-session-id': session })).text();
      assert.ok(answer.includes(`"id":${id},`), answer);
    }
  });
});
