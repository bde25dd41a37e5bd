import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type Bench,
  callTool,
  environmentOf,
  HEADERS,
  type Json,
  KEY,
  OTHER_KEY,
  openSession,
  post,
  prepareFolder,
  startBench,
  textOf,
  toolCall,
  until,
  writeTokenFile,
} from '../fixtures/proxy/harness.ts';
import { type ScriptedDremio, startScriptedDremio } from '../fixtures/proxy/scripted-dremio.ts';
import { compileCache } from '../helpers/compile-cache.ts';

const MAIN = fileURLToPath(new URL('../../images/proxy/src/main.ts', import.meta.url));
const TOKEN = 'login-token-that-nobody-may-see-1';

interface Run {
  readonly process: ChildProcess;
  readonly output: () => string;
  readonly lines: () => Json[];
  readonly exit: Promise<{ code: number | null; signal: string | null }>;
}

function run(env: Record<string, string>): Run {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: '/usr/bin:/bin', ...compileCache, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => {
      output += piece;
    });
  return {
    process: child,
    output: () => output,
    lines: () =>
      output
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Json),
    exit: new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal }))),
  };
}

describe('the process', { concurrency: true }, () => {
  let dremio: ScriptedDremio;
  let folder: string;
  before(async () => {
    dremio = await startScriptedDremio();
    folder = await prepareFolder();
  });
  after(async () => {
    await dremio.close();
    await rm(folder, { recursive: true, force: true });
  });

  const refusal = async (env: Record<string, string>) => {
    const started = run({ ...environmentOf(folder), ...env });
    const { code } = await started.exit;
    assert.ok(!started.output().includes('    at '), 'no stack trace');
    const problems = started
      .lines()
      .filter(({ event, level }) => event === 'setting_wrong' && level === 'error')
      .map(({ problem }) => String(problem));
    return { code, problems, output: started.output() };
  };
  const file = async (name: string, content: string) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };

  it('P11: refuses to start without keys: exit code 69 and the reason in words', async () => {
    const { code, problems } = await refusal({ MCP_KEYS_FILE: join(folder, 'none') });
    assert.equal(code, 69);
    assert.match(problems.join('\n'), /^MCP_KEYS_FILE is \/.*none, which does not exist; expected/);
  });

  it('refuses to start with half of one upstream and half of the other: exit code 78', async () => {
    const { code, problems } = await refusal({
      UPSTREAM: 'http',
      UPSTREAM_HEADERS_FILE: await file('headers', '{"Host":"x"}'),
    });
    assert.equal(code, 78);
    assert.deepEqual(
      problems.map((line) => line.split(/[;,]/, 1)[0]?.replace(folder, '')),
      ['UPSTREAM_URL is not set', 'DREMIO_URL is set', 'UPSTREAM_HEADERS_FILE is /headers'],
    );
    assert.match(problems[2] ?? '', /has the header Host, which is set by UPSTREAM_HOST/);
  });

  it('P11, P12: refuses to start with every problem of settings and files in one run', async () => {
    const secret = 'a-secret-in-the-wrong-place';
    const { code, problems, output } = await refusal({
      PORT: 'x',
      DREMIO_URL: ' http://d',
      ALLOWED_HOSTS: '*',
      MCP_KEYS: secret,
      MCP_KEYS_FILE: await file('short', '{"a":"short"}'),
      SESSION_SECRET_FILE: await file('weak', 'weak'),
      DREMIO_CA_FILE: await file('ca', 'x'),
    });
    assert.equal(code, 78);
    assert.deepEqual(
      problems.map((line) => line.split(/[;,]/, 1)[0]?.replace(folder, '')),
      [
        'PORT is "x"',
        'MCP_KEYS is set (not shown)',
        'ALLOWED_HOSTS is "*"',
        'DREMIO_URL begins with white space: " http://d"',
        'MCP_KEYS_FILE is /short',
        'SESSION_SECRET_FILE is /weak',
        'DREMIO_CA_FILE is /ca',
      ],
    );
    assert.match(problems[4] ?? '', /, which has a key for a of less than 16 characters; expected/);
    assert.match(
      problems[5] ?? '',
      /, which has less than 32 characters; expected .* openssl rand/,
    );
    assert.match(problems[6] ?? '', /, which holds no certificate as PEM text/);
    assert.ok(!output.includes(secret));
  });

  it('finishes its calls on SIGTERM, refuses new ones, leaves nothing behind and exits 0', async (t) => {
    const started = run({ ...environmentOf(folder), DREMIO_URL: dremio.url.href });
    t.after(() => started.process.kill('SIGKILL'));
    const listening = await until(
      () => started.lines().find(({ event }) => event === 'listening'),
      30_000,
    );
    const url = `http://127.0.0.1:${listening.port}/mcp`;
    const readyz = async () => {
      const response = await fetch(`http://127.0.0.1:${listening.operations_port}/readyz`);
      const { reasons } = (await response.json()) as { reasons: { code: string }[] };
      return reasons.map(({ code }) => code);
    };
    await until(async () => (await readyz()).join() === 'token_missing');
    await writeTokenFile(folder, TOKEN);
    await until(async () => (await readyz()).length === 0);
    const session = await openSession(url);
    const answer = textOf(await callTool(url, session, 'dremio', { path: '/api/v3/job/1' }));
    assert.equal(JSON.parse(answer).status, 200);
    assert.equal(dremio.asked.at(-1)?.headers.authorization, `Bearer ${TOKEN}`);
    const { pid } = JSON.parse(textOf(await callTool(url, session, 'environment')));

    // What /proc tells of the child: no key, no token, in no form.
    const ofProcess = ['environ', 'cmdline'].map((name) =>
      readFileSync(`/proc/${pid}/${name}`, 'utf8'),
    );
    for (const secret of [KEY, TOKEN]) assert.ok(!ofProcess.join().includes(secret));

    const stream = await fetch(url, { headers: { ...HEADERS, 'mcp-session-id': session } });
    const inFlight = callTool(url, session, 'sleep', { ms: 500, text: 'done in time' });
    await until(async () => {
      const metrics = await fetch(`http://127.0.0.1:${listening.operations_port}/metrics`);
      return /in_flight 1\b/.test(await metrics.text());
    });
    started.process.kill('SIGTERM');
    await until(async () => (await readyz()).includes('draining'));
    const refused = await post(url, toolCall('echo'), { 'mcp-session-id': session });
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get('retry-after'), '2');
    assert.equal(textOf(await inFlight), 'done in time');
    await stream.text();
    assert.deepEqual(await started.exit, { code: 0, signal: null });
    assert.throws(() => readFileSync(`/proc/${pid}/cmdline`), /ENOENT|ESRCH/);
    assert.deepEqual(await readdir(join(folder, 'children')), []);

    for (const line of started.lines()) {
      assert.equal(line.service, 'proxy');
      assert.ok(line.event && line.level && !Number.isNaN(Date.parse(String(line.time))));
    }
    for (const secret of [KEY, OTHER_KEY, TOKEN]) assert.ok(!started.output().includes(secret));
  });
});

describe('a running proxy', () => {
  let dremio: ScriptedDremio;
  let bench: Bench;
  let secrets: string;
  const ask = async (session: string) => {
    const answer = await callTool(bench.url, session, 'dremio', { path: '/api/v3/job/1' });
    return JSON.parse(textOf(answer)) as { status: number; reason: string };
  };
  before(async () => {
    dremio = await startScriptedDremio();
    secrets = await mkdtemp(join(tmpdir(), 'lakehouse-proxy-test-'));
    await writeFile(join(secrets, 'session'), 's'.repeat(40));
    bench = await startBench({
      env: {
        DREMIO_URL: dremio.url.href,
        TOKEN_WAIT: '0',
        SESSION_SECRET_FILE: join(secrets, 'session'),
        TRUSTED_PROXIES: '127.0.0.0/8',
      },
    });
  });
  after(async () => {
    await bench[Symbol.asyncDispose]();
    await dremio.close();
    await rm(secrets, { recursive: true });
  });

  it('stays up without a token, says why, fails calls with words and recovers alone', async () => {
    const session = await openSession(bench.url);
    await until(async () => (await bench.ready()).codes.join() === 'token_missing');
    assert.equal(
      textOf(await callTool(bench.url, session, 'echo', { text: 'without Dremio' })),
      'without Dremio',
    );
    const without = await ask(session);
    assert.equal(without.status, 503);
    assert.match(without.reason, /no valid Dremio token: there is no token file yet/);
    await bench.writeToken(TOKEN);
    assert.equal((await ask(session)).status, 200);
    await until(async () => (await bench.ready()).status === 200);
    await bench.writeToken(TOKEN, -1);
    await until(async () => (await bench.ready()).codes.join() === 'token_expired');
    await bench.writeToken(TOKEN);
    await until(async () => (await bench.ready()).status === 200);
  });

  it('was started once it was ready, and stays so however long Dremio is away', async () => {
    const operations = `http://127.0.0.1:${bench.proxy.operationsPort}`;
    const status = async (path: string) => (await fetch(`${operations}/${path}`)).status;
    const both = async () => [await status('readyz'), await status('startupz')].join();
    await bench.writeToken(TOKEN);
    await until(async () => (await both()) === '200,200');
    dremio.answer = () => ({ status: 503 });
    await bench.writeToken(TOKEN, -1);
    await until(async () => (await both()) === '503,200');
    dremio.answer = () => ({ status: 200 });
    await bench.writeToken(TOKEN);
    await until(async () => (await both()) === '200,200');
  });

  it('writes into the audit where a call comes from, as the proxy before it says', async () => {
    const session = await openSession(bench.url);
    const headers = { 'mcp-session-id': session, 'x-forwarded-for': '203.0.113.9, 198.51.100.7' };
    const clients = () =>
      bench.log.filter(({ event }) => event === 'tool_called').map(({ client }) => client);
    const before = clients().length;
    await (await post(bench.url, toolCall('echo', { text: 'x' }), headers)).text();
    await callTool(bench.url, session, 'echo', { text: 'x' });
    await until(() => clients().length === before + 2);
    assert.deepEqual(clients().slice(before), ['198.51.100.7', '127.0.0.1']);
  });

  it('takes a next session secret without a restart, and keeps what it has while the file is broken', async () => {
    const file = join(secrets, 'session');
    const before = await openSession(bench.url);
    const events = (name: string) => bench.log.filter(({ event }) => event === name).length;
    const statusOf = async (session: string) =>
      (await post(bench.url, toolCall('echo'), { 'mcp-session-id': session })).status;
    await writeFile(file, 'short\n');
    await until(() => events('session_secrets_unusable') === 1);
    assert.equal(await statusOf(before), 200);
    const rewrite = async (...secrets: string[]) => {
      const read = events('session_secrets_read');
      await writeFile(file, secrets.map((secret) => `${secret}\n`).join(''));
      await until(() => events('session_secrets_read') > read);
    };
    const [old, next] = ['s'.repeat(40), 'n'.repeat(40)];
    await rewrite(next, old);
    const after = await openSession(bench.url);
    assert.deepEqual([await statusOf(before), await statusOf(after)], [200, 200]);
    await rewrite(next);
    assert.deepEqual([await statusOf(before), await statusOf(after)], [404, 200]);
    await rewrite(old);
    assert.ok(!JSON.stringify(bench.log).includes(next));
  });

  it('loses no call while tokens change, and sends none that has ended', async () => {
    const session = await openSession(bench.url);
    let current = 0;
    dremio.answer = ({ headers }) => ({
      status: headers.authorization === `Bearer rotating-token-${current}` ? 200 : 401,
    });
    const asked = dremio.asked.length;
    const statuses: number[] = [];
    for (let i = 1; i <= 10; i++) {
      await bench.writeToken(`rotating-token-${i}`);
      current = i;
      const many = Array.from({ length: 8 }, () => ask(session));
      statuses.push(...(await Promise.all(many)).map(({ status }) => status));
    }
    assert.deepEqual(statuses, Array(80).fill(200));
    assert.equal(dremio.asked.length - asked, 80, 'no request was refused and repeated');
  });

  it('serves a session that another replica opened with the same secret', async () => {
    const env = { SESSION_SECRET_FILE: join(secrets, 'session') };
    const other = await startBench({ env });
    const session = await openSession(other.url);
    await other[Symbol.asyncDispose]();
    assert.equal(textOf(await callTool(bench.url, session, 'echo', { text: 'moved' })), 'moved');
    const stranger = await startBench();
    const foreign = await openSession(stranger.url);
    await stranger[Symbol.asyncDispose]();
    const headers = { 'mcp-session-id': foreign };
    assert.equal((await post(bench.url, toolCall('echo'), headers)).status, 404);
  });
});

describe('the keys of a running proxy', () => {
  it('takes new keys without a restart, and keeps the old ones while the file is broken', async () => {
    await using bench = await startBench();
    const statusWith = async (key: string) => {
      const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
      return (await post(bench.url, ping, { authorization: `Bearer ${key}` })).status;
    };
    const file = join(bench.folder, 'keys.json');
    const next = 'the-next-key-0123456789';
    const broken = () => bench.log.filter(({ event }) => event === 'keys_unusable').length;
    await writeFile(file, '{"first": "short"}');
    await until(() => broken() === 1);
    assert.equal(await statusWith(KEY), 400, 'let in, and asked for a session');
    await writeFile(file, JSON.stringify({ first: [next, KEY] }));
    await until(async () => (await statusWith(next)) === 400);
    assert.equal(await statusWith(KEY), 400);
    assert.equal(await statusWith(OTHER_KEY), 401);
    await writeFile(file, JSON.stringify({ first: next }));
    await until(async () => (await statusWith(KEY)) === 401);
    assert.ok(!JSON.stringify(bench.log).includes(next));
  });
});
