/** What the edge does with a request before a proxy sees it, and what it says of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectH2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { request } from 'undici';
import { DOMAIN, openScene, type Replica, type Scene } from '../helpers/edge-scene.ts';
import { CADDY, goProgram } from '../helpers/go-program.ts';
import { eventually } from '../helpers/stack.ts';

const { path: caddy, skip } = await goProgram(CADDY);
const LATE_MS = 5_000;
/** For what becomes of a call when there is no proxy. */
const SOON = [['lb_try_duration 20s', 'lb_try_duration 1s']] as const;

const seenBy = async (scene: Scene) => {
  const states = await Promise.all(scene.replicas.map((replica: Replica) => replica.state()));
  return states.flatMap(({ seen }) => seen);
};

describe('requests at the edge', { skip }, () => {
  it('a body above the limit: 413, whether its length is said or not', async () => {
    await using scene = await openScene({ caddy, options: { maxBodyBytes: 1_000 } });
    assert.equal((await scene.ask({ body: 'x'.repeat(1_000) })).status, 200);
    const over = await scene.ask({ body: 'x'.repeat(1_001) });
    assert.equal(over.status, 413);
    assert.equal(JSON.parse(over.text).title, 'Request Entity Too Large');
    const socket = connectTls({
      port: scene.ports.https,
      ca: scene.certificate,
      servername: DOMAIN,
    });
    socket.write(`POST /mcp HTTP/1.1\r\nHost: ${DOMAIN}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    socket.write(`800\r\n${'x'.repeat(0x800)}\r\n0\r\n\r\n`);
    const [first] = (await once(socket, 'data')) as [Buffer];
    assert.match(first.toString(), /^HTTP\/1\.1 413 /);
    socket.destroy();
    const whole = (await seenBy(scene)).filter(({ aborted, bytes }) => !aborted && bytes > 1_000);
    assert.deepEqual(whole, []);
  });

  it('headers or a body that come too slowly end the connection', async () => {
    const edits = [
      ['read_header 10s', 'read_header 1s'],
      ['read_body 30s', 'read_body 2s'],
    ] as const;
    await using scene = await openScene({ caddy, options: { tls: 'none' }, edits });
    for (const sent of [
      `POST /mcp HTTP/1.1\r\nHost: ${DOMAIN}\r\n`,
      `POST /mcp HTTP/1.1\r\nHost: ${DOMAIN}\r\nContent-Length: 10\r\n\r\nx`,
    ]) {
      const start = performance.now();
      const socket = connectTcp(scene.ports.http, '127.0.0.1');
      socket.write(sent);
      socket.resume();
      await once(socket, 'close');
      assert.ok(performance.now() - start < 2_000 + LATE_MS);
    }
    assert.ok((await seenBy(scene)).every(({ aborted }) => aborted));
  });

  it('a stream outlives the time that a request may take to arrive', async () => {
    const edits = [
      ['read_header 10s', 'read_header 1s'],
      ['read_body 30s', 'read_body 1s'],
    ] as const;
    await using scene = await openScene({ caddy, replicas: 1, edits });
    const [replica] = scene.replicas as [Replica];
    const stream = await request(`https://${DOMAIN}:${scene.ports.https}/mcp`, {
      dispatcher: scene.agent,
    });
    const events = stream.body[Symbol.asyncIterator]();
    await events.next();
    const answer = await scene.ask({ body: '{"delay":2500}' });
    assert.equal(answer.status, 200);
    await replica.operate('/emit');
    assert.match(String((await events.next()).value), /event 1/);
    stream.body.on('error', () => {}).destroy();
  });

  it('headers above 16 KiB: 431', async () => {
    await using scene = await openScene({ caddy, options: { tls: 'none' } });
    const ask = (bytes: number) => scene.ask({ headers: { 'x-large': 'x'.repeat(bytes) } });
    assert.equal((await ask(14_000)).status, 200);
    assert.equal((await ask(17_000)).status, 431);
  });

  it('plain HTTP is sent to HTTPS with method and path kept, at the published port', async () => {
    await using scene = await openScene({ caddy, options: { httpsPort: 8470 } });
    const answer = await request(`http://127.0.0.1:${scene.ports.http}/mcp?a=b`, {
      method: 'POST',
    });
    assert.equal(answer.statusCode, 308);
    assert.equal(answer.headers.location, `https://${DOMAIN}:8470/mcp?a=b`);
    await answer.body.dump();
  });

  it('without plain HTTP, nothing listens for it', async () => {
    await using scene = await openScene({ caddy, options: { httpPort: 0 } });
    await assert.rejects(request(`http://127.0.0.1:${scene.ports.http}/`), {
      code: 'ECONNREFUSED',
    });
  });

  it('forwards /mcp and the metadata of authorization, and nothing else', async () => {
    await using scene = await openScene({ caddy });
    const metadata = '/.well-known/oauth-protected-resource';
    for (const path of ['/mcp', metadata, `${metadata}/mcp`])
      assert.equal((await scene.ask({ path })).status, 200, path);
    for (const path of ['/', '/mcp/', '/mcp/x', '/livez', '/metrics', '/lakehouse/mcp']) {
      const { status, headers, text } = await scene.ask({ path });
      assert.equal(status, 404, path);
      assert.equal(headers['content-type'], 'application/problem+json');
      assert.equal(JSON.parse(text).detail, 'MCP is served at /mcp');
    }
  });

  it('takes the prefix off, and serves nothing without it', async () => {
    await using scene = await openScene({ caddy, options: { pathPrefix: '/lakehouse' } });
    const resource = '/.well-known/oauth-protected-resource/lakehouse/mcp';
    assert.equal((await scene.ask({ path: '/lakehouse/mcp?a=b' })).status, 200);
    assert.equal((await scene.ask({ path: resource })).status, 200);
    const urls = (await seenBy(scene)).map(({ url }) => url);
    assert.deepEqual(urls.sort(), ['/mcp?a=b', resource].sort());
    for (const path of ['/mcp', '/lakehouse', '/lakehouse/', '/lakehousemcp', '/lakehouse/livez']) {
      const { status, text } = await scene.ask({ path });
      assert.equal(status, 404, path);
      assert.equal(JSON.parse(text).detail, 'MCP is served at /lakehouse/mcp');
    }
  });

  it('another host than the domain: 421', async () => {
    await using scene = await openScene({ caddy });
    const { https: port } = scene.ports;
    const socket = connectTls({ port, ca: scene.certificate, servername: DOMAIN });
    socket.write('POST /mcp HTTP/1.1\r\nHost: other.example\r\nContent-Length: 0\r\n\r\n');
    const [first] = (await once(socket, 'data')) as [Buffer];
    assert.match(first.toString(), /^HTTP\/1\.1 421 /);
    socket.destroy();
    assert.deepEqual(await seenBy(scene), []);
  });

  it('what a client says of its address is not believed', async () => {
    await using scene = await openScene({ caddy });
    await scene.ask({
      headers: {
        'x-forwarded-for': '203.0.113.7',
        'x-forwarded-proto': 'ftp',
        'x-forwarded-host': 'evil.example',
        forwarded: 'for=203.0.113.7',
        'x-real-ip': '203.0.113.7',
      },
    });
    const [seen] = await seenBy(scene);
    const { headers = {} } = seen ?? {};
    assert.equal(headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(headers['x-forwarded-proto'], 'https');
    assert.equal(headers['x-forwarded-host'], `${DOMAIN}:${scene.ports.https}`);
    assert.deepEqual([headers.forwarded, headers['x-real-ip']], [undefined, undefined]);
  });

  it('what a trusted proxy says is believed, back to the first address that is not trusted', async () => {
    const options = { tls: 'none', trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] } as const;
    await using scene = await openScene({ caddy, options });
    await scene.ask({
      headers: {
        'x-forwarded-for': '198.51.100.9, 203.0.113.7, 10.1.2.3',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'public.example',
      },
    });
    const [seen] = await seenBy(scene);
    const { headers = {} } = seen ?? {};
    assert.equal(headers['x-forwarded-for'], '203.0.113.7');
    assert.equal(headers['x-forwarded-proto'], 'https');
    assert.equal(headers['x-forwarded-host'], 'public.example');
    assert.equal(scene.log.find(({ status }) => status === 200)?.event, 'handled request');
  });

  it('speaks HTTP/2 by ALPN and TLS from 1.2 on, with the certificate of the file', async () => {
    await using scene = await openScene({ caddy });
    const client = connectH2(`https://${DOMAIN}:${scene.ports.https}`, {
      createConnection: () =>
        connectTls({
          port: scene.ports.https,
          ca: scene.certificate,
          servername: DOMAIN,
          ALPNProtocols: ['h2'],
        }),
    });
    const stream = client.request({ ':path': '/mcp', ':method': 'POST' });
    stream.end('{}');
    const [headers] = await once(stream, 'response');
    assert.equal(headers[':status'], 200);
    assert.equal(client.alpnProtocol, 'h2');
    stream.resume();
    await once(stream, 'close');
    client.close();
    // A client that connects by address names no host.
    const nameless = connectTls({
      port: scene.ports.https,
      ca: scene.certificate,
      checkServerIdentity: () => undefined,
    });
    await once(nameless, 'secureConnect');
    nameless.destroy();
    const old = connectTls({
      port: scene.ports.https,
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await assert.rejects(once(old, 'secureConnect'));
  });

  it('adds security headers to answers of its own and of the proxies, and does not say what it is', async () => {
    await using scene = await openScene({ caddy });
    for (const path of ['/mcp', '/nothing']) {
      const { headers } = await scene.ask({ path });
      assert.equal(headers['strict-transport-security'], 'max-age=15552000', path);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['referrer-policy'], 'no-referrer');
      assert.equal(headers['cache-control'], 'no-store');
      assert.deepEqual(
        [headers.server, headers.via, headers['alt-svc']],
        [undefined, undefined, undefined],
      );
    }
  });

  it('what it cannot do carries the same headers', async () => {
    await using scene = await openScene({ caddy, edits: SOON });
    for (const replica of scene.replicas) await replica.stop();
    const { status, headers, text } = await scene.ask();
    assert.ok(status === 502 || status === 503, `${status}`);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers.server, undefined);
    assert.doesNotMatch(text, /127\.0\.0|dial|refused/);
  });

  it('keys, sessions and queries are not logged, at no level', async () => {
    const SECRET = 'canary-3f9a';
    for (const logLevel of ['info', 'debug']) {
      await using scene = await openScene({ caddy, options: { logLevel }, edits: SOON });
      const headers = {
        authorization: `Bearer ${SECRET}`,
        cookie: `a=${SECRET}`,
        'mcp-session-id': SECRET,
        'x-api-key': SECRET,
        referer: `https://x.example/?k=${SECRET}`,
      };
      await scene.ask({ path: `/mcp?key=${SECRET}`, headers });
      await scene.ask({ path: `/nothing?key=${SECRET}`, headers });
      for (const replica of scene.replicas) await replica.stop();
      const lost = await scene.ask({ path: `/mcp?key=${SECRET}`, headers });
      assert.ok(lost.status >= 500);
      const line = await eventually('the failed call is logged', async () =>
        scene.log.find(
          ({ event, status }) => event === 'handled request' && status === lost.status,
        ),
      );
      assert.deepEqual([line.service, line.level], ['edge', 'error']);
      assert.match(String(line.error), /refused|no upstreams/);
      assert.match(line.time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      assert.doesNotMatch(JSON.stringify(scene.log), new RegExp(SECRET));
      const served = scene.log.find(
        ({ event, status }) => event === 'handled request' && status === 200,
      );
      assert.match(JSON.stringify(served?.request), /"uri":"\/mcp"/);
      assert.match(String(served?.upstream), /^127\.0\.0\.\d:\d+$/);
    }
  });

  it('logs only failures when told to', async () => {
    await using scene = await openScene({ caddy, options: { logLevel: 'error' }, edits: SOON });
    await scene.ask();
    await scene.ask({ path: '/nothing' });
    for (const replica of scene.replicas) await replica.stop();
    const { status } = await scene.ask();
    await eventually('the failure', async () => scene.log.some((line) => line.status === status));
    assert.ok(scene.log.every(({ level }) => level === 'error'));
  });
});
