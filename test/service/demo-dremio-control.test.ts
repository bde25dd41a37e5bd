import assert from 'node:assert/strict';
import { request as httpsRequest } from 'node:https';
import { it } from 'node:test';
import { generate } from 'selfsigned';
import {
  DEMO_USER,
  type DemoDremio,
  fingerprintOf,
  start,
} from '../../images/demo-dremio/src/index.ts';
import { DremioClient } from '../helpers/dremio-client.ts';

async function loggedIn(demo: DemoDremio): Promise<{ client: DremioClient; token: string }> {
  const client = new DremioClient(demo.url);
  const { json } = await client.login(DEMO_USER);
  return { client, token: json.token };
}

it('all tokens can be ended, or one, and every use after the end is counted', async () => {
  await using demo = await start();
  const first = await loggedIn(demo);
  const second = await loggedIn(demo);
  const probe = async ({ client }: { client: DremioClient }) =>
    (await client.get('/apiv2/login')).status;
  assert.deepEqual([await probe(first), await probe(second)], [200, 200]);
  assert.equal(demo.tokens.revoke(first.token), true);
  assert.deepEqual([await probe(first), await probe(second)], [401, 200]);
  assert.equal(demo.tokens.expireAll(), 1);
  assert.equal(await probe(second), 401);
  assert.equal(demo.tokens.distinctUsed, 2);
  assert.equal(demo.tokens.usedAfterEnd, 2);
  assert.equal(await probe(await loggedIn(demo)), 200);
});

it('the log shows method, path, route, status and the fingerprint of the token, never the token', async () => {
  await using demo = await start({ now: () => 42 });
  const { client, token } = await loggedIn(demo);
  await client.get('/api/v3/job/nope?x=1');
  demo.tokens.revoke(token);
  await client.get('/apiv2/login');
  const { durationMs, ...entry } = await demo.requests.waitFor('GET /api/v3/job/:id');
  assert.deepEqual(entry, {
    seq: 2,
    time: 42,
    method: 'GET',
    path: '/api/v3/job/nope',
    route: '/api/v3/job/:id',
    token: fingerprintOf(token),
    tokenState: 'valid',
    status: 404,
  });
  assert.ok(durationMs >= 0);
  await demo.requests.waitFor('GET /apiv2/login');
  assert.deepEqual(
    demo.requests.entries().map(({ status, tokenState }) => [status, tokenState]),
    [
      [200, 'none'],
      [404, 'valid'],
      [401, 'revoked'],
    ],
  );
  assert.ok(!JSON.stringify(demo.requests.entries()).includes(token));
});

it('the next answers of a path can be ordered: status, HTML, JSON, delay, count', async () => {
  await using demo = await start({
    faults: [{ on: '/apiv2/server_status', answer: { status: 502, times: 1 } }],
  });
  const { client } = await loggedIn(demo);
  assert.equal((await client.get('/apiv2/server_status')).status, 502);
  assert.equal((await client.get('/apiv2/server_status')).status, 200);

  demo.faults.next('POST /apiv2/login', { status: 503, times: 2 });
  demo.faults.next('POST /apiv2/login', { html: '<title>Sign in</title>' });
  demo.faults.next('POST /apiv2/login', { json: { token: 5 } });
  const answers = [];
  for (let i = 0; i < 5; i++) answers.push(await client.login(DEMO_USER));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [503, 503, 200, 200, 200],
  );
  assert.match(answers[0]?.json.errorMessage, /status 503/);
  assert.match(answers[2]?.headers.get('content-type') ?? '', /text\/html/);
  assert.deepEqual(answers[3]?.json, { token: 5 });
  assert.match(answers[4]?.json.token, /^[0-9a-v]{26}$/);

  demo.faults.next('GET /api/v3/*', { delayMs: 50 });
  const before = performance.now();
  assert.equal((await client.get('/api/v3/catalog')).status, 200);
  assert.ok(performance.now() - before >= 45);
});

it('a fault can reset the connection or never answer', async () => {
  await using demo = await start();
  const { client } = await loggedIn(demo);
  demo.faults.next('/api/v3/catalog', { connection: 'reset' });
  await assert.rejects(client.get('/api/v3/catalog'));
  assert.equal((await demo.requests.waitFor('GET /api/v3/catalog')).status, 0);
  demo.faults.next('/apiv2/login', { connection: 'hang' });
  const hanging = client.get('/apiv2/login');
  await assert.rejects(Promise.all([hanging, demo.close()]));
});

it('it can go offline and come back on the same port, with tokens and jobs as they were', async () => {
  await using demo = await start();
  const { client } = await loggedIn(demo);
  await demo.goOffline();
  assert.equal(demo.isListening, false);
  await assert.rejects(client.get('/apiv2/server_status'), (error: Error) => {
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    return true;
  });
  await demo.goOnline();
  await demo.goOnline();
  assert.equal((await client.get('/apiv2/login')).status, 200);
});

it('with a start delay, connections are refused at first on the port that was announced', async () => {
  await using demo = await start({ startDelayMs: 150 });
  const client = new DremioClient(demo.url);
  await assert.rejects(client.get('/apiv2/server_status'));
  const deadline = Date.now() + 5_000;
  while (!demo.isListening && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal((await client.get('/apiv2/server_status')).text, '"OK"');
});

it('a port that is taken stops the start with the reason', async () => {
  await using demo = await start();
  await assert.rejects(start({ port: demo.port }), /EADDRINUSE/);
});

it('it is reached over TLS with the certificate that it was given', async () => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  await using demo = await start({ tls: { key, cert } });
  assert.match(demo.url, /^https:\/\/127\.0\.0\.1:\d+$/);
  const status = (ca: string | undefined) =>
    new Promise<number | undefined>((resolve, reject) => {
      const call = httpsRequest(
        `${demo.url}/apiv2/server_status`,
        { ca, agent: false },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        },
      );
      call.on('error', reject).end();
    });
  assert.equal(await status(cert), 200);
  await assert.rejects(status(undefined), /self-signed certificate/);
});

it('the controls are there over HTTP only when asked for', async () => {
  await using plain = await start();
  assert.equal((await new DremioClient(plain.url).get('/__demo/tokens')).status, 404);

  await using demo = await start({ control: true });
  const { client, token } = await loggedIn(demo);
  await client.get('/apiv2/login');
  const { json: tokens } = await client.get('/__demo/tokens', { authorization: null });
  assert.deepEqual(tokens, { issued: 1, valid: 1, distinctUsed: 1, usedAfterEnd: 0 });
  const fault = { on: 'GET /apiv2/login', answer: { status: 503 } };
  assert.equal((await client.post('/__demo/faults', fault)).status, 204);
  assert.equal((await client.get('/apiv2/login')).status, 503);
  assert.equal((await client.post('/__demo/faults', { on: 5 })).status, 400);
  await client.post('/__demo/faults', { on: '*', answer: { status: 500, times: 0 } });
  await client.post('/__demo/faults', fault);
  assert.equal((await client.request('DELETE', '/__demo/faults')).status, 204);
  assert.equal((await client.get('/apiv2/login')).status, 200);
  await client.request('PUT', '/__demo/master-down', { json: { down: true } });
  assert.equal((await client.get('/apiv2/server_status')).status, 503);
  const latency = (ms: unknown) => client.request('PUT', '/__demo/job-latency', { json: { ms } });
  assert.deepEqual([(await latency(1)).status, (await latency('1')).status], [204, 400]);
  const revoked = await client.post('/__demo/tokens/revoke', { token });
  assert.deepEqual(revoked.json, { revoked: true });
  assert.deepEqual((await client.post('/__demo/tokens/expire', {})).json, { expired: 0 });
  const { json: log } = await client.get('/__demo/requests');
  assert.ok(log.total > 5 && log.requests[0].path === '/apiv2/login');
});

it('closing twice is closing once, and ends running queries', async () => {
  const demo = await start({ settleMs: 0, jobLatencyMs: 60_000 });
  const { client } = await loggedIn(demo);
  await client.post('/api/v3/sql', { sql: 'SELECT 1' });
  await Promise.all([demo.close(), demo.close()]);
  assert.deepEqual(
    demo.jobs.map(({ state }) => state),
    ['CANCELED'],
  );
});
