// Who is let in, by the hundred and the thousand; and that what lets a client in goes no further.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  type Bench,
  callTool,
  FAKE_CHILD,
  HEADERS,
  type Json,
  KEY,
  OTHER_KEY,
  openSession,
  post,
  startBench,
  textOf,
  until,
} from '../fixtures/proxy/harness.ts';
import { type ScriptedDremio, startScriptedDremio } from '../fixtures/proxy/scripted-dremio.ts';
import { seededRandom } from '../helpers/seeded-random.ts';

const TOKEN = 'login-token-that-nobody-may-see-3';
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

let dremio: ScriptedDremio;
let bench: Bench;
/** Where the child writes down what it was given. */
let seen: string;

before(async () => {
  dremio = await startScriptedDremio();
  seen = await mkdtemp(join(tmpdir(), 'lakehouse-proxy-test-'));
  const command = join(seen, 'child');
  const script = [
    '#!/bin/sh',
    `env > '${seen}/env'; printf '%s\\n' "$@" > '${seen}/argv'; cp -r . '${seen}/home'`,
    `tee '${seen}/stdin' | '${process.execPath}' '${FAKE_CHILD}' "$@"`,
  ];
  await mkdir(join(seen, 'home'));
  await writeFile(command, `${script.join('\n')}\n`, { mode: 0o755 });
  bench = await startBench({
    env: { DREMIO_URL: dremio.url.href, CHILD_COMMAND: command },
    token: TOKEN,
  });
});
after(async () => {
  await bench[Symbol.asyncDispose]();
  await dremio.close();
  await rm(seen, { recursive: true });
});

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** Sends requests one behind the other on one connection, header values byte by byte as given. */
async function statuses(requests: readonly Sent[]): Promise<string[]> {
  const socket = connect(bench.proxy.port, '127.0.0.1');
  let answers = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    answers += piece;
  });
  for (const { method = 'POST', path = '/mcp', headers } of requests) {
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const length = `Content-Type: application/json\r\nContent-Length: ${PING.length}\r\n\r\n`;
    socket.write(`${method} ${path} HTTP/1.1\r\n${lines}${length}${PING}`, 'latin1');
  }
  const found = () => answers.match(/(?<=HTTP\/1\.1 )\d{3}/g) ?? [];
  await until(() => found().length >= requests.length || socket.destroyed, 20_000);
  socket.destroy();
  return found();
}

/** The requests that were not answered as they should be. */
async function unlike(status: string, requests: readonly Sent[]): Promise<unknown[]> {
  const answers = await statuses(requests);
  assert.equal(answers.length, requests.length, 'an answer each');
  return requests.filter((_, i) => answers[i] !== status).map(({ headers }) => headers.at(-1));
}

describe('who is let in', () => {
  it('P11: 2,000 variants of a key on all routes: only the exact one passes', async () => {
    const random = seededRandom(11);
    const below = (limit: number) => Math.floor(random() * limit);
    const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
    const change = (text: string) => {
      const at = below(text.length + 1);
      const byte = String.fromCharCode(pick([below(95) + 32, below(128) + 128, 9]));
      return pick([
        text.slice(0, at) + text.slice(at + 1),
        text.slice(0, at) + byte + text.slice(at),
        text.slice(0, at) + byte + text.slice(at + 1),
        text.slice(at) + text.slice(0, at),
        text.slice(0, at),
        text + text.slice(at),
        ...[' ', ', ', ';', '\t'].flatMap((gap) => [text + gap + text.slice(at), `x${gap}${text}`]),
        Buffer.from(text).toString(pick(['base64', 'hex', 'base64url'])),
        encodeURIComponent(text).replaceAll('-', '%2D'),
        text.toUpperCase(),
      ]);
    };
    const schemes = [
      'Bearer ',
      'bearer  ',
      'Basic ',
      'Token ',
      '',
      'Bearer',
      'Bearer\t',
      'Bearer,',
    ];
    // Around the value and between the words a header may have more spaces: that is the exact key.
    const exact = (value: string) => {
      const [, given = ''] = /^[ \t]*Bearer +(.*?)[ \t]*$/is.exec(value) ?? [];
      return given === KEY || given === OTHER_KEY;
    };
    const wrong = new Set<string>(['', ' ', 'Bearer', 'Bearer null', 'Bearer undefined']);
    while (wrong.size < 2_000) {
      const key = pick([KEY, OTHER_KEY]);
      const value = `${pick(schemes)}${pick([key, change(key), change(change(key)), change(KEY + OTHER_KEY)])}`;
      if (!exact(value)) wrong.add(value);
    }
    const methods = ['POST', 'GET', 'DELETE', 'OPTIONS', 'PUT', 'PATCH'];
    const paths = ['/mcp', '/', '/mcp/', '/readyz', '/metrics', '//mcp', '/mcp?key=1', '/%6dcp'];
    const requests = [...wrong].map((value) => ({
      method: pick(methods),
      path: pick(paths),
      headers: [
        ['Host', 'localhost'],
        ['Authorization', value],
      ] as const,
    }));
    assert.deepEqual(await unlike('401', requests), []);
    const right = [KEY, OTHER_KEY].map((key) => ({
      headers: [
        ['Host', 'localhost'],
        ['Authorization', `Bearer ${key}`],
      ] as const,
    }));
    assert.deepEqual(await unlike('400', right), [], 'let in, and asked for a session');
    assert.ok(!JSON.stringify(bench.log).includes(KEY));
  });

  it('P12: 100 values of Host and Origin are 403 with a valid key, null among them', async () => {
    const names = ['evil.example', 'localhost.evil.example', '127.0.0.1.nip.example', 'localhost.'];
    names.push('127.0.0.2', '0.0.0.0', '[::]', '[::2]', '2130706433', '0x7f000001', '127.1');
    names.push('localhost@evil.example', 'evil.example#localhost', 'localhost,evil.example');
    names.push('localhost evil.example', 'xn--lcalhost-54a', 'l\xf6calhost', '[::1', '::1', 'null');
    names.push('localhost:x', 'localhost:', 'localhost:123456', '*', '');
    const ports = (name: string) => (/[:[]/.test(name) ? [name] : [name, `${name}:8080`]);
    const hosts = [...new Set(names.flatMap(ports))];
    const pages = names.flatMap((name) => [`http://${name}`, `https://${name}`]);
    pages.push(
      'null',
      'NULL',
      'file://',
      '',
      'https://localhost',
      'http://localhost/',
      'localhost',
    );
    pages.push('http://localhost:3000/path', 'ws://localhost', 'chrome-extension://abc', 'http:');
    const origins = [...new Set(pages)];
    assert.ok(hosts.length + origins.length >= 100, `${hosts.length} + ${origins.length}`);
    const key = ['Authorization', `Bearer ${KEY}`] as const;
    assert.deepEqual(
      await unlike('403', [
        ...hosts.map((host) => ({ headers: [key, ['Host', host]] as const })),
        ...origins.map((origin) => ({
          headers: [key, ['Host', 'localhost'], ['Origin', origin]] as const,
        })),
      ]),
      [],
    );
  });
});

describe('what lets a client in', () => {
  it('P14: reaches neither the server nor Dremio, and the Dremio token reaches no client', async () => {
    const session = await openSession(bench.url);
    const headers = { 'mcp-session-id': session, cookie: `key=${KEY}`, 'x-api-key': KEY };
    const answers: string[] = [];
    const send = async (method: string, params: Json = {}) => {
      const body = { jsonrpc: '2.0', id: 1, method, params };
      const response = await post(bench.url, body, headers);
      answers.push(JSON.stringify([...response.headers]), await response.text());
    };
    await send('tools/list');
    await send('prompts/list');
    await send('tools/call', { name: 'echo', arguments: { text: 'canary' } });
    const path = '/api/v3/job/1';
    await send('tools/call', { name: 'dremio', arguments: { path, method: 'GET' } });
    await send('tools/call', { name: 'no such tool' });
    answers.push(textOf(await callTool(bench.url, session, 'environment')));
    const stream = await fetch(bench.url, { method: 'GET', headers: { ...HEADERS, ...headers } });
    answers.push(JSON.stringify([...stream.headers]));
    await stream.body?.cancel();

    const written = await Promise.all(
      ['env', 'argv', 'stdin'].map((name) => readFile(join(seen, name), 'utf8')),
    );
    const [env = '', argv = '', stdin = ''] = written;
    assert.ok(env.includes('PATH=') && argv.includes('-c') && stdin.includes('canary'));
    const home = await readdir(join(seen, 'home'), { recursive: true, withFileTypes: true });
    for (const file of home)
      if (file.isFile()) written.push(await readFile(join(file.parentPath, file.name), 'utf8'));
    assert.ok(written.length > 3, 'the files of the server');
    const [asked] = dremio.asked;
    assert.equal(asked?.headers.authorization, `Bearer ${TOKEN}`);

    const forms = (secret: string) => [
      secret,
      encodeURIComponent(secret),
      btoa(secret).replace(/=+$/, ''),
    ];
    const log = JSON.stringify(bench.log);
    const atServer = written.join('\n');
    for (const form of forms(KEY))
      for (const text of [atServer, JSON.stringify(dremio.asked), log])
        assert.ok(!text.includes(form));
    for (const form of forms(TOKEN))
      for (const text of [atServer, answers.join('\n'), log]) assert.ok(!text.includes(form));
  });
});
