import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { statusLines } from '../../scripts/commands/status.ts';
import { diskProblem } from '../../scripts/preflight/disk.ts';
import { classifyAnswer } from '../../scripts/preflight/dremio.ts';
import { isLoopbackOnly, listeningInodes } from '../../scripts/preflight/port-owner.ts';
import { reasonsOf } from '../../scripts/stack/operations.ts';
import {
  newestError,
  type ServiceStatus,
  tokenStatusOf,
} from '../../scripts/stack/stack-status.ts';
import { styleFor } from '../../scripts/terminal/style.ts';

describe('the check of a login', () => {
  const json = 'application/json;charset=utf-8';
  for (const [what, status, type, body, kind] of [
    ['a token', 200, json, '{"token":"t","expires":1}', 'ok'],
    ['401', 401, json, '{"errorMessage":"Login failed"}', 'refused-credentials'],
    [
      '403 before the first user',
      403,
      json,
      '{"errorMessage":"No User Available"}',
      'no-first-user',
    ],
    ['403 from something between', 403, 'text/html', '<html>', 'forbidden'],
    ['a web page', 200, 'text/html', '<html>', 'not-dremio'],
    ['JSON without a token', 200, json, '{"ok":true}', 'not-dremio'],
    ['404', 404, 'text/plain', 'not found', 'not-dremio'],
    ['503', 503, 'text/html', '<html>', 'failing'],
  ] as const)
    it(`takes ${what} as ${kind}`, () => {
      assert.equal(classifyAnswer(status, type, body).kind, kind);
    });
});

describe('the check of a port', () => {
  it('finds the sockets that listen on it in the kernel’s table', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:2116 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1',
      '   1: 0100007F:2116 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4343 1',
      '   2: 0100007F:2117 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4444 1',
    ].join('\n');
    assert.deepEqual(listeningInodes(table, 0x2116), ['4242']);
    assert.deepEqual(listeningInodes(table, 80), []);
  });

  it('knows what containers cannot reach: listeners on the loopback address alone', () => {
    const listen = (...addresses: string[]) =>
      addresses
        .map((address) => `   0: ${address}:2347 00000000:0000 0A 0:0 00:0 0 0 0 4242 1`)
        .join('\n');
    const IPV6_LOOPBACK = '00000000000000000000000001000000';
    const IPV6_MAPPED = '0000000000000000FFFF00000100007F';
    assert.equal(isLoopbackOnly(listen('0100007F'), 0x2347), true);
    assert.equal(isLoopbackOnly(listen('0100007F', IPV6_LOOPBACK, IPV6_MAPPED), 0x2347), true);
    assert.equal(isLoopbackOnly(listen('0100007F', '010011AC'), 0x2347), false);
    assert.equal(isLoopbackOnly(listen('0'.repeat(32)), 0x2347), false);
    assert.equal(isLoopbackOnly('', 0x2347), false);
  });
});

describe('the check of disk space', () => {
  it('warns when it is scarce and stops when a build cannot fit', () => {
    const disk = (gigabytes: number) => ({ path: '/d', free: gigabytes * 1e9 });
    assert.equal(diskProblem(disk(50)), undefined);
    assert.equal(diskProblem(undefined), undefined);
    assert.match(diskProblem(disk(2)) ?? '', /^Only 2\.0 GB are free in \/d/);
    assert.throws(() => diskProblem(disk(0.5)), /Too little disk space: 0\.5 GB/);
  });
});

describe('the status of a stack', () => {
  const service = (changes: Partial<ServiceStatus>): ServiceStatus => ({
    component: 'proxy',
    name: 'lakehouse-dev-proxy',
    node: null,
    container: 'c1',
    error: null,
    asked: true,
    state: 'running',
    health: 'healthy',
    ready: true,
    reasons: [],
    startedAt: '2026-01-01T00:00:00Z',
    restarts: 0,
    exitCode: 0,
    outOfMemory: false,
    image: 'sha256:0123456789abcdef',
    imageTags: [],
    ports: ['127.0.0.1:8470'],
    lastError: null,
    ...changes,
  });
  const head = {
    stack: 'dev',
    ready: false,
    tools: null,
    mcpUrl: 'http://127.0.0.1:8470/mcp',
    madeWith: 'local',
    docker: { address: 'unix:///x', version: '28' },
  };
  const now = new Date('2026-01-01T00:10:00Z');
  const lines = (services: ServiceStatus[], more: object = {}, told: object = {}) => {
    const status = { services, swarm: null, edge: null, token: null, child: null, ...more };
    const text = statusLines({ ...head, ...told }, status, styleFor(process.stderr), now).join(
      '\n',
    );
    return stripVTControlCharacters(text);
  };

  it('says why a service is not ready and what it last complained of', () => {
    const text = lines([
      service({
        ready: false,
        reasons: [{ code: 'token_expired', message: 'the token has expired' }],
        lastError: {
          time: '2026-01-01T00:09:00Z',
          level: 'error',
          event: 'login_failed',
          detail: 'refused',
        },
      }),
    ]);
    assert.match(text, /^proxy +not ready +10 min/m);
    assert.match(text, /^ {2}not ready: the token has expired$/m);
    assert.match(text, /^ {2}last error, 1 min ago: login_failed: refused$/m);
  });

  const token = {
    expiresAt: '2026-01-01T02:10:00Z',
    secondsLeft: 7200,
    refreshAt: '2026-01-01T01:50:00Z',
    lastLoginAt: '2026-01-01T00:00:00Z',
    loginWanted: null,
    loginFailure: null,
    writeFailure: null,
  };
  const refusal = {
    class: 'credentials_refused',
    message: 'password refused',
    times: 2,
    since: '2026-01-01T00:05:00Z',
    nextTryAt: '2026-01-01T00:15:00Z',
  };

  it('says how long the token lives and when the next login is', () => {
    const text = lines([service({})], { token, child: 'running' });
    assert.match(text, /^Token +2 h left, next login at 2026-01-01T01:50:00Z$/m);
    assert.match(text, /^MCP server +running$/m);
    assert.doesNotMatch(text, /^(Login|Write) /m);
  });

  it('S11: says which tools are not as they were pinned, and what to do', () => {
    const text = (differences: readonly string[]) =>
      lines([service({})], {}, { tools: { digests: ['sha256:1'], differences } });
    assert.match(text([]), /^Tools +as pinned in images\/proxy\/tools\.lock\.json$/m);
    const other = text(['RunSqlQuery is defined in another way', 'Drop is new']);
    assert.match(other, /^Tools .* RunSqlQuery is defined in another way, Drop is new$/m);
    assert.match(other, /^ +If they are right, .*: npm run pin -- --stack dev --tools$/m);
  });

  it('says why logins fail by class and words, how often, and when the next try is', () => {
    const text = lines([service({})], { token: { ...token, loginFailure: refusal } });
    assert.match(text, /^Token +2 h left$/m);
    assert.match(
      text,
      /^Login +fails \(credentials_refused, 2 times in 5 min\): password refused\n +next try in 5 min, at 2026-01-01T00:15:00Z$/m,
    );
    const late = { ...refusal, times: 1, nextTryAt: '2026-01-01T00:09:59Z' };
    assert.match(
      lines([service({})], { token: { ...token, loginFailure: late } }),
      /^Login +fails \(credentials_refused, once\): password refused\n +next try now$/m,
    );
  });

  it('says why the token file is not written, in one safe line', () => {
    const writeFailure = {
      ...refusal,
      class: 'token_file_not_writable',
      message: 'no\nspace',
      nextTryAt: null,
    };
    const expired = { ...token, secondsLeft: -3, writeFailure };
    const text = lines([service({})], { token: expired });
    assert.match(text, /^Token +expired$/m);
    assert.match(text, /^Write +fails \(token_file_not_writable, 2 times in 5 min\): no⏎space$/m);
    assert.doesNotMatch(text, /next try/);
  });

  it('takes what the refresher tells of its token, and nothing from anyone else', () => {
    const failure = { message: 'm', times: 3, since: 's', next_try_at: 'n' };
    const body = {
      token_expires_at: 'e',
      token_seconds_left: 5,
      refresh_at: 'r',
      last_login_at: 'l',
      login_wanted: 'due',
      login_failure: { code: 'dremio_failing', ...failure },
      write_failure: { message: 'm' },
    };
    const told = { message: 'm', times: 3, since: 's', nextTryAt: 'n' };
    assert.deepEqual(tokenStatusOf(`${JSON.stringify(body)}\n`), {
      expiresAt: 'e',
      secondsLeft: 5,
      refreshAt: 'r',
      lastLoginAt: 'l',
      loginWanted: 'due',
      loginFailure: { class: 'dremio_failing', ...told },
      writeFailure: {
        class: 'token_file_not_writable',
        message: 'm',
        times: 1,
        since: null,
        nextTryAt: null,
      },
    });
    assert.equal(tokenStatusOf('operations port 9090: connect ECONNREFUSED'), null);
    assert.deepEqual(tokenStatusOf('{}'), {
      expiresAt: null,
      secondsLeft: null,
      refreshAt: null,
      lastLoginAt: null,
      loginWanted: null,
      loginFailure: null,
      writeFailure: null,
    });
  });

  it('says how a container ended, and that a stack without proxy is not complete', () => {
    assert.match(
      lines([service({ state: 'exited', outOfMemory: true, ready: false })]),
      /exited \(out of memory\)/,
    );
    assert.match(
      lines([service({ component: 'demo', state: 'exited', exitCode: 78 })]),
      /exited \(exit code 78\)[\s\S]*The proxy is missing/,
    );
    assert.match(lines([]), /has nothing on the engine/);
  });

  it('finds the newest error among other lines, or else the newest warning', () => {
    const line = (level: string, event: string) =>
      JSON.stringify({ time: 't', level, event, error: 'why' });
    const found = newestError([
      line('error', 'a'),
      'not json',
      line('error', 'b'),
      line('warn', 'c'),
    ]);
    assert.deepEqual(found, { time: 't', level: 'error', event: 'b', detail: 'why' });
    assert.equal(newestError([line('warn', 'c'), line('info', 'd')])?.event, 'c');
    assert.equal(newestError([line('info', 'd')]), null);
    const refused = '{"level":"error","event":"setting_wrong","problem":"X is not set"}';
    assert.equal(newestError([refused])?.detail, 'X is not set');
  });

  it('takes what a probe answers, reasons or plain words', () => {
    assert.deepEqual(
      reasonsOf('{"status":"unavailable","reasons":[{"code":"a","message":"b"},{"x":1}]}'),
      [{ code: 'a', message: 'b' }],
    );
    assert.deepEqual(reasonsOf('operations port 9090: connect ECONNREFUSED\n'), [
      { code: 'no_answer', message: 'operations port 9090: connect ECONNREFUSED' },
    ]);
  });
});
