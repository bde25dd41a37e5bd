import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compileCache } from '../helpers/compile-cache.ts';
import { DremioClient } from '../helpers/dremio-client.ts';

const MAIN = fileURLToPath(new URL('../../images/demo-dremio/src/main.ts', import.meta.url));
const PASSWORD = 'a-password-of-this-test-1';
const MIB = 1024 * 1024;

type Line = Readonly<Record<string, unknown>>;

class Service {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;

  constructor(environment: Record<string, string>, cwd: string) {
    this.#child = spawn(process.execPath, [MAIN], {
      cwd,
      env: { ...compileCache, PORT: '0', OPERATIONS_PORT: '0', ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#exit = once(this.#child, 'exit');
    if (this.#child.stdout)
      createInterface(this.#child.stdout).on('line', (line) => this.lines.push(JSON.parse(line)));
  }

  async line(event: string): Promise<Line> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const found = this.lines.find((line) => line.event === event);
      if (found) return found;
      assert.ok(Date.now() < deadline, `no ${event} in ${JSON.stringify(this.lines)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.exitCode();
  }

  async exitCode(): Promise<number | null> {
    const [code] = await this.#exit;
    return code as number | null;
  }
}

describe('the demo Dremio as a process of its own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-dremio-'));
  let service: Service;
  let client: DremioClient;
  let operations: string;
  before(async () => {
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
    service = new Service(
      {
        DEMO_USERNAME: 'ann',
        DEMO_PASSWORD_FILE: passwordFile,
        DEMO_TOKEN_LIFE: '60',
        LOG_LEVEL: 'debug',
      },
      folder,
    );
    const { url, operationsPort } = await service.line('listening');
    client = new DremioClient(String(url));
    operations = `http://127.0.0.1:${operationsPort}`;
  });
  after(async () => {
    await service.stop();
    rmSync(folder, { recursive: true });
  });

  it('is live and ready once it listens', async () => {
    for (const path of ['/livez', '/readyz', '/startupz'])
      assert.equal((await fetch(operations + path)).status, 200, path);
  });

  it('gives the configured user tokens of the configured life, and answers queries', async () => {
    const before = Date.now();
    const { status, json } = await client.login({ userName: 'ann', password: PASSWORD });
    assert.equal(status, 200);
    assert.ok(Math.abs(json.expires - before - 60_000) < 5_000);
    const { rows } = await client.query(
      'SELECT COUNT(*) AS n FROM Samples."samples.dremio.com"."NYC-weather.csv"',
    );
    assert.deepEqual(rows, [{ n: 3833 }]);
  });

  it('counts requests, logins, jobs and tokens', async () => {
    await client.login({ userName: 'ann', password: 'wrong' });
    const text = await (await fetch(`${operations}/metrics`)).text();
    const expected = [
      'demo_dremio_logins_total{outcome="success"} 1',
      'demo_dremio_logins_total{outcome="refused"} 1',
      'demo_dremio_requests_total{method="POST",path="/apiv2/login",status="401"} 1',
      'demo_dremio_requests_total{method="POST",path="/api/v3/sql",status="200"} 1',
      'demo_dremio_jobs_total{state="COMPLETED"} 1',
      'demo_dremio_tokens_seen 1',
      'demo_dremio_tokens_valid 1',
      'demo_dremio_expired_token_requests_total 0',
      'demo_dremio_revoked_token_requests_total 0',
    ];
    for (const line of expected) assert.ok(text.split('\n').includes(line), line);
    assert.match(text, /lakehouse_build_info\{service="demo-dremio",version="[^"]+"\} 1/);
  });

  it('uses less than 200 MiB with the engine loaded', async () => {
    const text = await (await fetch(`${operations}/metrics`)).text();
    const bytes = Number(/^process_resident_memory_bytes (\d+)$/m.exec(text)?.[1]);
    assert.ok(bytes > 0 && bytes < 200 * MIB, `${Math.round(bytes / MIB)} MiB`);
  });

  it('logs one object a line, with neither password nor token at any level', async () => {
    const { json } = await client.login({ userName: 'ann', password: PASSWORD });
    await client.get('/apiv2/login');
    await client.get(`/api/v3/catalog/${json.token}`);
    const deadline = Date.now() + 5_000;
    while (
      !service.lines.some(({ route }) => route === '/api/v3/catalog/:id') &&
      Date.now() < deadline
    )
      await new Promise((resolve) => setTimeout(resolve, 10));
    for (const line of service.lines) {
      assert.equal(line.service, 'demo-dremio');
      for (const field of ['time', 'level', 'event']) assert.equal(typeof line[field], 'string');
    }
    const text = JSON.stringify(service.lines);
    assert.ok(text.includes('"event":"request"'));
    assert.ok(!text.includes(PASSWORD), 'no password');
    assert.ok(!text.includes(json.token), 'no token');
  });
});

it('it stops in order on SIGTERM, and needs no settings on loopback', async () => {
  const service = new Service({}, tmpdir());
  const { url } = await service.line('listening');
  const client = new DremioClient(String(url));
  const login = await client.login({ userName: 'demo', password: 'demo-password-1' });
  assert.equal(login.status, 200);
  assert.equal(await service.stop(), 0);
  assert.equal(service.lines.at(-1)?.event, 'stopped');
});

it('it starts without any user on request', async () => {
  const service = new Service({ FIRST_USER: 'false' }, tmpdir());
  const { url } = await service.line('listening');
  const { status } = await new DremioClient(String(url)).login({ userName: 'a', password: 'b' });
  assert.equal(status, 403);
  await service.stop();
});

it('the documented password is refused on an address that others reach', async () => {
  const service = new Service({ HOST: '0.0.0.0' }, tmpdir());
  assert.equal(await service.exitCode(), 69);
  assert.match(String(service.lines.at(-1)?.problem), /Set DEMO_PASSWORD_FILE to the absolute/);
});

it('a password that cannot be used is told together with wrong settings', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-dremio-'));
  const DEMO_PASSWORD_FILE = join(folder, 'password');
  writeFileSync(DEMO_PASSWORD_FILE, 'weakling');
  const service = new Service({ DEMO_PASSWORD_FILE, PORT: 'x', DEMO_PASSWORD: 'y' }, folder);
  assert.equal(await service.exitCode(), 78);
  const problems = service.lines.slice(1).map(({ problem }) => String(problem));
  assert.match(
    problems.join('\n'),
    /^PORT is "x".*\nDEMO_PASSWORD is set.*\nDEMO_PASSWORD_FILE is /,
  );
  assert.match(problems[2] ?? '', /which has another password than Dremio takes; expected/);
  assert.ok(!problems.join().includes('weakling'));
  rmSync(folder, { recursive: true });
});

it('wrong settings are named all at once', async () => {
  const service = new Service({ PORT: 'x', EDITION: 'cloud', DEMO_TOKEN_LIFE: '0' }, tmpdir());
  assert.equal(await service.exitCode(), 78);
  const wrong = service.lines.filter(({ event }) => event === 'setting_wrong');
  assert.equal(wrong.length, 3);
});
