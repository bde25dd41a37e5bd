import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspectSettings } from '../../images/kit/src/settings.ts';
import { runCheck } from '../../images/proxy/src/check.ts';
import { proxySettings } from '../../images/proxy/src/settings.ts';
import { digestOf } from '../../images/proxy/src/upstream/tool-digests.ts';
import {
  environmentOf,
  KEY,
  NOWHERE,
  OTHER_KEY,
  prepareFolder,
  writeTokenFile,
} from '../fixtures/proxy/harness.ts';
import { serveScript } from '../fixtures/proxy/remote-server.ts';
import { type ScriptedDremio, startScriptedDremio } from '../fixtures/proxy/scripted-dremio.ts';
import { compileCache } from '../helpers/compile-cache.ts';

const MAIN = fileURLToPath(new URL('../../images/proxy/src/main.ts', import.meta.url));
const TOKEN = 'login-token-that-nobody-may-see-2';
const THIRD_KEY = 'key-of-the-third-client-0123456789';

describe('proxy check', () => {
  let dremio: ScriptedDremio;
  let folder: string;
  let ready = { status: 200, body: '{"reasons":[]}' };
  let told: object = {
    tools_digest: 'sha256:1',
    tools: { RunSqlQuery: 'sha256:2', Get: 'sha256:3' },
  };
  /** The operations ports of the refresher and of the proxy that runs. */
  const refresher = createServer((request, response) => {
    if (request.url === '/status') response.end(JSON.stringify(told));
    else response.writeHead(request.url === '/readyz' ? ready.status : 404).end(ready.body);
  });
  const operationsPort = () => String((refresher.address() as AddressInfo).port);
  before(async () => {
    dremio = await startScriptedDremio();
    folder = await prepareFolder([], {
      laptop: KEY,
      agent: { keys: [OTHER_KEY, THIRD_KEY], tools: { readOnly: true }, maxInFlight: 4 },
    });
    await new Promise<void>((resolve) => refresher.listen(0, '127.0.0.1', resolve));
  });
  after(async () => {
    await dremio.close();
    refresher.close();
    await rm(folder, { recursive: true });
  });

  const environment = (changes: Record<string, string> = {}) => ({
    ...environmentOf(folder),
    DREMIO_URL: dremio.url.href,
    REFRESHER_URL: `http://127.0.0.1:${operationsPort()}`,
    OPERATIONS_PORT: operationsPort(),
    ...changes,
  });
  const check = async (changes?: Record<string, string>) => {
    let text = '';
    const inspection = inspectSettings(proxySettings, environment(changes));
    const code = await runCheck(inspection, (line) => {
      text += line;
    });
    for (const secret of [KEY, OTHER_KEY, THIRD_KEY, TOKEN]) assert.ok(!text.includes(secret));
    return { code, lines: text.trimEnd().split('\n') };
  };
  const run = (...words: string[]) =>
    new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      const options = { env: { PATH: '/usr/bin:/bin', ...compileCache, ...environment() } };
      const child = execFile(process.execPath, [MAIN, ...words], options, (_, stdout, stderr) =>
        resolve({ code: child.exitCode, stdout, stderr }),
      );
    });

  it('finds nothing wrong, and names keys without telling them', async () => {
    await writeTokenFile(folder, TOKEN);
    const { code, lines } = await check();
    assert.match(lines.splice(3, 1)[0] ?? '', /^ok {6}token {5}the one in the file ends at 20/);
    assert.deepEqual(lines, [
      'ok      settings  all are as they should be',
      'ok      files     those that are named can be used',
      'ok      keys      laptop, agent (2 keys, rules for tools, maxInFlight 4)',
      `ok      Dremio    accepts the token at ${dremio.url.origin}`,
      `ok      refresher is ready at ${environment().REFRESHER_URL}`,
      `ok      server    ${folder}/child can be started`,
      'ok      tools     RunSqlQuery, Get: sha256:1',
    ]);
    assert.equal(code, 0);
  });

  it('S11: asks the proxy that runs for the tools, and does without them where none does', async () => {
    const last = async (changes?: Record<string, string>) =>
      (await check(changes)).lines.at(-1) ?? '';
    const before = told;
    told = { tools_digest: null, tools: {} };
    assert.equal(await last(), 'skipped tools     the server has not told them yet');
    told = before;
    const nobody = await last({ OPERATIONS_PORT: '1' });
    assert.match(nobody, /^skipped tools {5}no proxy here that could be asked: .*ECONNREFUSED/);
  });

  it('says what is wrong with token, Dremio, refresher and server', async () => {
    await writeTokenFile(folder, TOKEN);
    dremio.check = () => 401;
    ready = { status: 503, body: '{"reasons":[{"code":"login_failed"},{"code":"token_missing"}]}' };
    await writeFile(join(folder, 'not-executable'), '');
    const refused = await check({ CHILD_COMMAND: join(folder, 'not-executable') });
    assert.equal(refused.code, 1);
    const [, , , , ofDremio = '', ofRefresher = '', ofServer = ''] = refused.lines;
    assert.match(ofDremio, /^wrong {3}Dremio {4}refuses the token at .* \(401\)$/);
    assert.match(ofRefresher, /^wrong .* is not ready at .* \(503\): login_failed, token_missing$/);
    assert.match(ofServer, /^wrong {3}server {4}CHILD_COMMAND is .*, which user .* \(EACCES\)$/);

    await writeTokenFile(folder, TOKEN, -1);
    const nowhere = { REFRESHER_URL: NOWHERE, CHILD_COMMAND: '/nowhere' };
    const { lines } = await check(nowhere);
    assert.match(lines[3] ?? '', /^wrong {3}token {5}the one in the file ended at /);
    assert.match(lines[4] ?? '', /^skipped Dremio {4}not asked without a valid token$/);
    assert.match(lines[5] ?? '', /^wrong .* does not answer at .*ECONNREFUSED/);
    assert.match(lines[6] ?? '', /\/nowhere, which does not exist$/);

    await writeTokenFile(folder, TOKEN);
    const unreachable = await check({ DREMIO_URL: NOWHERE, REFRESHER_URL: '' });
    assert.match(unreachable.lines[4] ?? '', /^wrong {3}Dremio .*ECONNREFUSED/);
    assert.match(unreachable.lines[5] ?? '', /^skipped refresher REFRESHER_URL is not set$/);
  });

  it('names every wrong setting and file, and then looks at nothing else', async () => {
    const { code, lines } = await check({ PORT: 'x', QUEUE_WAIT: '0', MCP_KEYS_FILE: '/nowhere' });
    assert.equal(code, 1);
    assert.deepEqual(
      lines.map((line) => line.split(/[ ,]+/, 3).join(' ')),
      [
        'wrong settings PORT',
        'wrong settings QUEUE_WAIT',
        'wrong files MCP_KEYS_FILE',
        'skipped rest not',
      ],
    );
  });

  const remoteEnvironment = { UPSTREAM: 'http', DREMIO_URL: '', REFRESHER_URL: '' };
  const secretFile = async (name: string, value: unknown) => {
    const path = join(folder, name);
    await writeFile(path, JSON.stringify(value), { mode: 0o600 });
    return path;
  };
  const property = { type: 'string' };
  const remoteTools = [
    { name: 'health', inputSchema: { type: 'object', properties: {} } },
    { name: 'whoami', inputSchema: { properties: { auth_token: property, role: property } } },
    { name: 'query', inputSchema: { properties: { auth_token: property, sql: property } } },
  ];

  it('opens a session with a remote server and ends it, and says what its tools get', async () => {
    const asked: string[] = [];
    await using remote = await serveScript(({ http, message, answer }) => {
      asked.push(message?.method ?? http.method ?? '');
      if (message?.method === 'initialize') {
        const serverInfo = { name: 'super\ntable', version: '1.3.0' };
        const capabilities = { tools: {} };
        answer(
          { protocolVersion: '2025-06-18', capabilities, serverInfo },
          { 'mcp-session-id': 'x' },
        );
      } else if (message?.method === 'tools/list') answer({ tools: remoteTools });
      else return false;
      return true;
    });
    const settings = {
      ...remoteEnvironment,
      UPSTREAM_URL: remote.url,
      UPSTREAM_HEADERS_FILE: await secretFile('headers.json', { authorization: `Bearer ${TOKEN}` }),
      UPSTREAM_ARGUMENTS_FILE: await secretFile('arguments.json', {
        '*': { auth_token: TOKEN, role: 'reader' },
        query: { limit: '5' },
      }),
    };
    const { code, lines } = await check(settings);
    assert.deepEqual(lines.slice(2), [
      'ok      keys      laptop, agent (2 keys, rules for tools, maxInFlight 4)',
      `ok      server    opens a session at ${new URL(remote.url).origin}: super table 1.3.0, revision 2025-06-18, keeps sessions, without TLS`,
      'ok      headers   authorization',
      'ok      tools     health, whoami, query',
      `ok      tools     ${digestOf(Object.fromEntries(remoteTools.map((tool) => [tool.name, digestOf(tool)])))}`,
      'ok      arguments auth_token to whoami, query',
      'ok      arguments role to whoami',
      'ok      arguments limit to query',
      'ok      arguments role, limit: below 16 characters, so taken for no secret, and left where the server quotes it',
    ]);
    assert.equal(code, 0);
    assert.ok(asked.includes('DELETE') && !asked.includes('tools/call'));

    await secretFile('arguments.json', {
      '*': { auth_tokn: TOKEN },
      sql_query: { role: 'reader' },
    });
    const mistaken = await check(settings);
    assert.equal(mistaken.code, 1);
    assert.deepEqual(mistaken.lines.slice(-2), [
      'wrong   arguments no tool of the server takes the argument auth_tokn',
      'wrong   arguments the server offers no tool sql_query',
    ]);
    const both = await check({ UPSTREAM: 'http', UPSTREAM_URL: remote.url });
    assert.match(both.lines.join(), /wrong {3}settings {2}DREMIO_URL is set, but UPSTREAM is http/);
  });

  it('says what is wrong with a remote server, and with the setting that mends it', async () => {
    for (const [status, body, words] of [
      [
        401,
        `bad ${TOKEN}`,
        /: .* refuses this proxy \(401\): bad \[redacted\]; UPSTREAM_HEADERS_FILE/,
      ],
      [404, '', /there is no MCP endpoint at .* \(404\): UPSTREAM_URL is wrong/],
      [421, 'Invalid Host header', /\(421\): Invalid Host header; UPSTREAM_HOST sets/],
    ] as const) {
      await using remote = await serveScript(({ response }) => {
        response.writeHead(status).end(body);
        return true;
      });
      const { code, lines } = await check({
        ...remoteEnvironment,
        UPSTREAM_URL: remote.url,
        UPSTREAM_HEADERS_FILE: await secretFile('headers.json', { 'x-key': TOKEN }),
      });
      assert.equal(code, 1);
      assert.match(lines.at(-1) ?? '', words);
    }
    const gone = await check({ ...remoteEnvironment, UPSTREAM_URL: NOWHERE });
    assert.match(gone.lines.at(-1) ?? '', /^wrong {3}server .* cannot be reached: .*ECONNREFUSED/);
  });

  it('is a command of the image, and explained to whoever types something else', async () => {
    await writeTokenFile(folder, TOKEN);
    dremio.check = () => 200;
    ready = { status: 200, body: '{}' };
    const [good, wrong, extra] = await Promise.all([
      run('check'),
      run('chekc'),
      run('check', '--all'),
    ]);
    assert.equal(good.code, 0);
    assert.match(good.stdout, /^ok {6}settings .*\n(ok .*\n){7}$/);
    for (const { code, stderr } of [wrong, extra]) {
      assert.equal(code, 64);
      assert.match(stderr, /proxy check {2}looks at/);
    }
  });
});
