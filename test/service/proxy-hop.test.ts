import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { generate } from 'selfsigned';
import { systemClock } from '../../images/kit/src/clock.ts';
import { createLogger } from '../../images/kit/src/logger.ts';
import { ResultBudget } from '../../images/proxy/src/hop/budget.ts';
import { Dremio } from '../../images/proxy/src/hop/dremio.ts';
import { Exchange } from '../../images/proxy/src/hop/exchange.ts';
import { DremioHealth } from '../../images/proxy/src/hop/health.ts';
import { startHop } from '../../images/proxy/src/hop/hop.ts';
import { RefresherHint } from '../../images/proxy/src/hop/refresher.ts';
import { TokenSource } from '../../images/proxy/src/hop/token-source.ts';
import { NOWHERE, until, writeTokenFile } from '../fixtures/proxy/harness.ts';
import { startScriptedDremio } from '../fixtures/proxy/scripted-dremio.ts';

interface HopSetup {
  readonly dremioUrl?: URL;
  /** PEM text. */
  readonly authorities?: string;
  readonly refresherUrl?: URL;
  readonly tokenWaitMs?: number;
  readonly timeoutMs?: number;
  readonly limit?: number;
}

const FIRST = 'first-login-token-0123456789';
const SECOND = 'second-login-token-987654321';

/** A scripted Dremio, a token file with the first token, and hops before them. */
async function setUp() {
  const dremio = await startScriptedDremio();
  const folder = await mkdtemp(join(tmpdir(), 'lakehouse-proxy-test-'));
  await writeTokenFile(folder, FIRST);
  const log: string[] = [];
  const answered: [string, number][] = [];
  const closers: (() => Promise<unknown> | unknown)[] = [
    () => dremio.close(),
    () => rm(folder, { recursive: true }),
  ];

  async function open(setup: HopSetup = {}) {
    const destination = { write: (line: string) => log.push(line) };
    const logger = createLogger({ service: 'proxy', level: 'debug', destination });
    const tokens = new TokenSource(join(folder, 'token.json'), systemClock, logger);
    const client = new Dremio(setup.dremioUrl ?? dremio.url, setup.authorities);
    const refresher = new RefresherHint(setup.refresherUrl, systemClock, logger);
    const health = new DremioHealth(client, tokens, refresher, systemClock);
    const hop = await startHop({
      exchange: new Exchange({
        dremio: client,
        tokens,
        refresher,
        health,
        budget: new ResultBudget(setup.limit ?? 10_000),
        clock: systemClock,
        log: logger,
        tokenWaitMs: setup.tokenWaitMs ?? 50,
        timeoutMs: setup.timeoutMs ?? 5_000,
      }),
      log: logger,
      onAnswer: (pattern, status) => answered.push([pattern, status]),
    });
    closers.push(
      () => health.stop(),
      () => client.close(),
      () => hop.close(),
    );
    const { url, credential, revoke } = hop.admit();
    const ask = async (
      path: string,
      {
        method = 'GET',
        body,
        key = credential,
      }: { method?: string; body?: string; key?: string } = {},
    ) => {
      const response = await fetch(url + path, {
        method,
        redirect: 'manual',
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          cookie: 'c=1',
        },
        ...(body === undefined ? {} : { body }),
      });
      return { status: response.status, reason: response.statusText, body: await response.text() };
    };
    return { ask, revoke, admit: hop.admit, health };
  }
  return { dremio, folder, log, answered, closers, open };
}

/** A test with a set-up of its own; whatever it is about, no token may be in the log. */
const test = (name: string, run: (setup: Awaited<ReturnType<typeof setUp>>) => Promise<void>) =>
  it(name, async () => {
    const setup = await setUp();
    try {
      await run(setup);
    } finally {
      for (const close of setup.closers.reverse()) await close();
    }
    const told = setup.log.join('');
    assert.ok(!told.includes(FIRST) && !told.includes(SECOND), 'no token in the log');
  });

describe('the hop', { concurrency: true }, () => {
  test('puts the token in and passes the rest on as it came', async ({
    dremio,
    answered,
    open,
  }) => {
    const { ask } = await open();
    dremio.answer = () => ({ status: 400, body: '{"errorMessage":"no"}' });
    const sql = '{"sql":"SELECT 12345678901234567890"}';
    const answer = await ask('/api/v3/sql?x=%20', { method: 'POST', body: sql });
    assert.deepEqual(answer, { status: 400, reason: 'Bad Request', body: '{"errorMessage":"no"}' });
    const [asked] = dremio.asked;
    assert.equal(asked?.method, 'POST');
    assert.equal(asked?.url, '/api/v3/sql?x=%20');
    assert.equal(asked?.body, sql);
    assert.equal(asked?.headers.authorization, `Bearer ${FIRST}`);
    assert.equal(asked?.headers.cookie, undefined, 'other headers stay behind');
    assert.deepEqual(answered, [['/api/v3/sql', 400]]);
  });

  test('keeps a path prefix of the address of Dremio', async ({ dremio, open }) => {
    const { ask } = await open({ dremioUrl: new URL('/behind/proxy/', dremio.url) });
    await ask('/api/v3/job/1');
    assert.equal(dremio.asked[0]?.url, '/behind/proxy/api/v3/job/1');
  });

  test('opens to the credential of a running child alone', async ({ dremio, open }) => {
    const { ask, revoke, admit } = await open();
    const other = admit();
    assert.equal((await ask('/api/v3/job/1', { key: other.credential })).status, 200);
    for (const key of ['', 'x', FIRST, `${other.credential}x`])
      assert.equal((await ask('/api/v3/job/1', { key })).status, 401);
    revoke();
    assert.equal((await ask('/api/v3/job/1')).status, 401);
    assert.equal(dremio.asked.length, 1);
  });

  test('passes only what the official server needs', async ({ answered, open }) => {
    const { ask } = await open();
    const paths = ['/api/v3/job/a-1', '/api/v3/job/a-1/results?offset=0&limit=500'];
    paths.push('/api/v3/catalog/by-path/Samples/samples.dremio.com/NYC-weather.csv');
    paths.push(
      '/api/v3/catalog/dremio:/Samples/a%20b/collaboration/tag',
      '/api/v3/catalog/1/graph',
    );
    for (const path of paths) assert.equal((await ask(path)).status, 200, path);
    const foreign = [
      '/',
      '/apiv2/login',
      '/api/v3',
      '/api/v3/',
      '/api/v3/user/1/token',
      '/api/v3/catalog',
    ];
    foreign.push('/api/v3/catalog/1', '/api/v3/sql', '/api/v3/catalog/by-path/%2e%2e/%2E./user');
    foreign.push('/api/v3/job/1/cancel', '//evil.example/api/v3/job/1', '/api/v3/job/1#x/results');
    for (const path of foreign) {
      const { status } = await ask(path);
      // A fragment never leaves the client, so that one is an ordinary job.
      assert.equal(status, path.includes('#') ? 200 : 403, path);
    }
    assert.equal((await ask('/api/v3/job/1', { method: 'DELETE' })).status, 403);
    assert.equal(
      (await ask('/api/v3/catalog/1/collaboration/tag', { method: 'POST', body: '{}' })).status,
      403,
    );
    assert.ok(answered.every(([pattern]) => pattern === 'other' || pattern.startsWith('/api/v3/')));
  });

  test('uses a new token from the next request on', async ({ dremio, folder, open }) => {
    const { ask } = await open();
    await ask('/api/v3/job/1');
    await writeTokenFile(folder, SECOND);
    await ask('/api/v3/job/1');
    assert.deepEqual(
      [dremio.asked[0]?.headers.authorization, dremio.asked[1]?.headers.authorization],
      [`Bearer ${FIRST}`, `Bearer ${SECOND}`],
    );
  });

  test('tells the refresher of a refused token, waits for a newer one and repeats the request once', async ({
    dremio,
    folder,
    closers,
    open,
  }) => {
    const told: string[] = [];
    const refresher = createServer((request, response) => {
      told.push(`${request.method} ${request.url} ${request.headers.authorization ?? 'no secret'}`);
      response.writeHead(202).end();
      void writeTokenFile(folder, SECOND);
    });
    await new Promise<void>((resolve) => refresher.listen(0, '127.0.0.1', resolve));
    closers.push(() => refresher.close());
    const refresherUrl = new URL(`http://127.0.0.1:${(refresher.address() as AddressInfo).port}`);
    const { ask } = await open({ refresherUrl, tokenWaitMs: 2_000 });
    dremio.answer = ({ headers }) => ({
      status: headers.authorization?.includes(FIRST) ? 401 : 200,
    });
    const body = '{"sql":"SELECT 1"}';
    const many = await Promise.all(
      Array.from({ length: 8 }, () => ask('/api/v3/sql', { method: 'POST', body })),
    );
    assert.deepEqual(
      many.map(({ status }) => status),
      Array(8).fill(200),
    );
    assert.deepEqual(told, ['POST /probe no secret']);
    assert.equal(dremio.asked.length, 16);
  });

  test('says so when Dremio refuses the token and no newer one comes', async ({
    dremio,
    folder,
    open,
  }) => {
    const { ask, health } = await open();
    dremio.answer = () => ({ status: 401, body: '' });
    dremio.check = () => 401;
    const answer = await ask('/api/v3/job/1');
    assert.equal(answer.status, 401);
    assert.match(answer.reason, /Dremio refuses the token and there is no newer one yet/);
    assert.equal(dremio.asked.length, 1);
    assert.equal(health.reasons()[0]?.code, 'token_refused');
    dremio.check = () => 200;
    await writeTokenFile(folder, SECOND);
    await until(() => health.reasons().length === 0);
  });

  test('repeats a refused request once and not again', async ({ dremio, folder, open }) => {
    const { ask } = await open({ tokenWaitMs: 1_000 });
    dremio.answer = () => {
      void writeTokenFile(folder, `${SECOND}${dremio.asked.length}`);
      return { status: 401, body: '' };
    };
    assert.match((await ask('/api/v3/job/1')).reason, /refuses the new token as well/);
    assert.equal(dremio.asked.length, 2);
  });

  test('waits as long as Dremio asks for, and passes the refusal on when there is no time for that', async ({
    dremio,
    open,
  }) => {
    const { ask } = await open({ timeoutMs: 2_500 });
    const replies = [
      { status: 429, headers: { 'retry-after': '0' } },
      { status: 503, headers: { 'retry-after': new Date().toUTCString() } },
      { status: 200, body: '{"done":true}' },
    ];
    dremio.answer = () => replies[dremio.asked.length - 1] ?? {};
    assert.equal((await ask('/api/v3/job/1')).body, '{"done":true}');
    dremio.answer = () => ({ status: 503, headers: { 'retry-after': '60' } });
    assert.equal((await ask('/api/v3/job/1')).status, 503);
    dremio.answer = () => ({ status: 429 });
    assert.equal(
      (await ask('/api/v3/job/1')).status,
      429,
      'without the header nothing is repeated',
    );
    assert.equal(dremio.asked.length, 5);
  });

  test('bounds the time of a request', async ({ dremio, open }) => {
    const { ask } = await open({ timeoutMs: 100 });
    dremio.answer = () => ({ silent: true });
    const answer = await ask('/api/v3/job/1');
    assert.equal(answer.status, 504);
    assert.equal(answer.reason, 'Dremio did not answer within 0.1 s');
  });

  test('bounds an answer, and all pages of one query together', async ({ dremio, open }) => {
    const { ask } = await open({ limit: 10_000 });
    dremio.answer = () => ({ body: 'x'.repeat(10_001) });
    const large = await ask('/api/v3/catalog/by-path/a');
    assert.equal(large.status, 413);
    assert.match(large.reason, /larger than 10000 bytes: ask for less/);
    dremio.answer = () => ({ body: 'x'.repeat(4_000) });
    const pages = [];
    for (let i = 0; i < 4; i++)
      pages.push((await ask(`/api/v3/job/q1/results?offset=${i}`)).status);
    assert.deepEqual(pages, [200, 200, 413, 413]);
    assert.equal((await ask('/api/v3/job/q2/results')).status, 200, 'another query has its own');
    assert.equal(dremio.asked.length, 5, 'the last page was not even asked for');
  });

  test('leads nobody past itself: redirects and web pages become errors in words', async ({
    dremio,
    open,
  }) => {
    const { ask } = await open();
    dremio.answer = () => ({ status: 302, headers: { location: 'http://evil.example/' } });
    const redirect = await ask('/api/v3/job/1');
    assert.equal(redirect.status, 502);
    assert.match(
      redirect.reason,
      /redirect to http:\/\/evil\.example\/: the address of Dremio is wrong/,
    );
    dremio.answer = () => ({ headers: { 'content-type': 'text/html' }, body: '<html>' });
    assert.match((await ask('/api/v3/job/1')).reason, /a web page answers instead/);
  });

  test('repeats a read over a connection that was closed under it, and never a statement', async ({
    dremio,
    open,
  }) => {
    const { ask } = await open();
    dremio.answer = () => ({ hangUp: dremio.asked.length === 1 });
    assert.equal((await ask('/api/v3/job/1')).status, 200);
    dremio.answer = () => ({ hangUp: true });
    const statement = await ask('/api/v3/sql', { method: 'POST', body: '{}' });
    assert.equal(statement.status, 502);
    assert.equal(dremio.asked.length, 3);
  });

  test('says that Dremio does not answer', async ({ open }) => {
    const { ask, health } = await open({ dremioUrl: new URL(NOWHERE) });
    const answer = await ask('/api/v3/job/1');
    assert.equal(answer.status, 502);
    assert.match(
      answer.reason,
      /Dremio at http:\/\/127\.0\.0\.1:1 does not answer: .*ECONNREFUSED/,
    );
    assert.equal(health.reasons()[0]?.code, 'dremio_unreachable');
  });

  test('answers with words while there is no valid token, and works as soon as there is one', async ({
    dremio,
    folder,
    open,
  }) => {
    const { ask, health } = await open();
    const file = join(folder, 'token.json');
    const states: [string, () => Promise<unknown>, RegExp][] = [
      ['token_missing', () => rm(file), /there is no token file yet/],
      ['token_empty', () => writeFile(file, ''), /the token file is empty/],
      ['token_malformed', () => writeFile(file, '{"token":"abc'), /the token file is not JSON/],
      [
        'token_expired',
        () => writeTokenFile(folder, FIRST, -1_000),
        /the Dremio token expired at 2/,
      ],
    ];
    for (const [code, make, words] of states) {
      await make();
      const answer = await ask('/api/v3/job/1');
      assert.equal(answer.status, 503, code);
      assert.match(answer.reason, words);
      assert.equal(health.reasons()[0]?.code, code);
    }
    assert.equal(dremio.asked.length, 0);
    await writeTokenFile(folder, SECOND);
    assert.equal((await ask('/api/v3/job/1')).status, 200);
  });

  test('makes only the first request wait for a token while there is none', async ({
    folder,
    open,
  }) => {
    const { ask } = await open({ tokenWaitMs: 600 });
    await rm(join(folder, 'token.json'));
    const took = async () => {
      const start = performance.now();
      assert.equal((await ask('/api/v3/job/1')).status, 503);
      return performance.now() - start;
    };
    assert.ok((await took()) >= 590);
    assert.ok((await took()) < 400);
    await writeTokenFile(folder, FIRST);
    assert.equal((await ask('/api/v3/job/1')).status, 200);
    await rm(join(folder, 'token.json'));
    assert.ok((await took()) >= 590, 'a new lack is a new wait');
  });

  test('trusts the certificate of Dremio only when its authority is the given one', async ({
    closers,
    open,
  }) => {
    const issue = () =>
      generate([{ name: 'commonName', value: '127.0.0.1' }], {
        keyType: 'ec',
        extensions: [
          { name: 'basicConstraints', cA: true },
          { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
        ],
      });
    const [own, foreign] = await Promise.all([issue(), issue()]);
    const secure = await startScriptedDremio({ key: own.private, cert: own.cert });
    closers.push(() => secure.close());
    const trusted = await open({ dremioUrl: secure.url, authorities: own.cert });
    assert.equal((await trusted.ask('/api/v3/job/1')).status, 200);
    for (const authorities of [foreign.cert, undefined]) {
      const distrusted = await open({
        dremioUrl: secure.url,
        ...(authorities ? { authorities } : {}),
      });
      const answer = await distrusted.ask('/api/v3/job/1');
      assert.equal(answer.status, 502);
      assert.match(answer.reason, /the certificate of Dremio .* is not trusted/);
    }
    assert.equal(secure.asked.length, 1, 'no token was sent to a server that is not trusted');
  });
});
