import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DEMO_USER, type DemoDremio, start } from '../../images/demo-dremio/src/index.ts';
import { readTokenFile } from '../../images/kit/src/token-file.ts';
import {
  makeWorkplace,
  type RefresherProcess,
  startRefresherProcess,
  type Workplace,
} from '../helpers/refresher-process.ts';

const isTemporary = (name: string) => name.endsWith('.tmp');

describe('the refresher process', () => {
  let demo: DemoDremio;
  let place: Workplace;
  let running: RefresherProcess | undefined;
  const settings = () => ({
    DREMIO_URL: `${demo.url}/`,
    DREMIO_USERNAME: DEMO_USER.userName,
    DREMIO_PASSWORD_FILE: place.passwordFile,
    TOKEN_FILE: place.tokenFile,
  });
  const run = (environment: Record<string, string> = {}) => {
    running = startRefresherProcess({ ...settings(), ...environment });
    return running;
  };
  const get = async (port: unknown, path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };

  beforeEach(async () => {
    demo = await start();
    place = await makeWorkplace(DEMO_USER.password);
  });
  afterEach(async () => {
    running?.child.kill('SIGKILL');
    await running?.exited;
    running = undefined;
    await demo.close();
    await place.remove();
  });

  it('has a token in the file soon after its start, tells so, and never shows a secret', async () => {
    const { logged, child, exited, ...process } = run({ LOG_LEVEL: 'debug' });
    const { operations_port: port } = await logged('started');
    const written = await logged('token_written');
    const answered = demo.requests.entries('POST /apiv2/login')[0];
    assert.ok(answered);
    assert.ok(Date.parse(String(written.time)) - answered.time < 1000);

    const text = await readFile(place.tokenFile, 'utf8');
    const content = JSON.parse(text) as { token: string; expires_at: string };
    assert.deepEqual(Object.keys(content), ['token', 'expires_at']);
    assert.equal(demo.tokens.check(content.token).state, 'valid');
    assert.equal(written.expires_at, content.expires_at);
    assert.equal((await stat(place.tokenFile)).mode & 0o7777, 0o640);

    const answers = await Promise.all(
      ['/livez', '/readyz', '/startupz', '/status', '/metrics'].map((path) => get(port, path)),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200, 200],
    );
    const metrics = answers[4]?.text ?? '';
    assert.match(metrics, /^lakehouse_refresher_authenticated 1$/m);
    assert.match(metrics, /^lakehouse_refresher_logins_total\{outcome="success"\} 1$/m);
    assert.match(metrics, /^lakehouse_refresher_token_remaining_seconds 107\d{3}/m);

    child.kill('SIGTERM');
    assert.equal(await exited, 0);
    const everything = [running?.output, ...answers.map((answer) => answer.text)].join('\n');
    for (const secret of [content.token, DEMO_USER.password])
      assert.ok(!everything.includes(secret));
    const audit = process.lines.filter((line) => line.audit);
    assert.deepEqual(
      audit.map(({ seq, event }) => `${seq} ${event}`),
      ['1 login_attempt', '2 login_succeeded', '3 token_written'],
    );
  });

  it('R12: ends with 0 in less than 2 s on SIGTERM, also in the middle of a login', async () => {
    for (const answer of [{ connection: 'hang' }, { delayMs: 30_000 }, { status: 503 }] as const) {
      demo.faults.clear();
      demo.faults.next('POST /apiv2/login', { ...answer, times: Infinity });
      const { logged, child, exited } = run();
      await logged('login_attempt');
      const sent = performance.now();
      child.kill('SIGTERM');
      assert.equal(await exited, 0);
      assert.ok(performance.now() - sent < 2000);
    }
  });

  it('ends with 0 on SIGTERM at any moment after its start, the file whole', async () => {
    for (let run_ = 0; run_ < 4; run_++) {
      const { logged, child, exited } = run();
      await logged('starting');
      await new Promise((resolve) => setTimeout(resolve, run_ * 20));
      child.kill('SIGTERM');
      assert.equal(await exited, 0);
      // A temporary file may stay, as after a crash; the next start removes it.
      const { state } = await readTokenFile(place.tokenFile);
      assert.ok(state === 'valid' || state === 'missing', state);
      assert.ok((await readdir(place.tokenFolder)).filter(isTemporary).length <= 1);
      await rm(place.tokenFile, { force: true });
    }
  });

  it('goes on with the token of an earlier run instead of logging in', async () => {
    const first = run();
    await first.logged('token_written');
    first.child.kill('SIGKILL');
    await first.exited;
    await writeFile(`${place.tokenFolder}/.token.json.0011223344556677.tmp`, '{"tok');
    const second = run();
    await second.logged('probe');
    const { operations_port: port } = await second.logged('started');
    assert.equal((await get(port, '/readyz')).status, 200);
    assert.equal(demo.tokens.issued, 1);
    assert.deepEqual(await readdir(place.tokenFolder), ['token.json']);
    assert.ok(!second.lines.some(({ event }) => event === 'login_attempt'));
  });

  it('stops with 78 and every problem when settings are wrong, without quoting a secret put in their place', async () => {
    const { exited, lines } = run({
      DREMIO_URL: 'https://admin:hunter2-hunter2@dremio.test',
      DREMIO_PASSWORD_FILE: 'hunter2-hunter2',
      DREMIO_USERNAME: '',
      CHECK_INTERVAL: 'often',
    });
    assert.equal(await exited, 78);
    const problems = lines.map(({ problem }) => String(problem)).join('\n');
    for (const name of ['DREMIO_URL', 'DREMIO_PASSWORD_FILE', 'DREMIO_USERNAME', 'CHECK_INTERVAL'])
      assert.match(problems, new RegExp(`^${name} `, 'm'));
    assert.ok(!running?.output.includes('hunter2'));
  });

  it('stops within 5 s with every problem when its files cannot be used', async () => {
    const begin = performance.now();
    const { exited, lines } = run({
      DREMIO_PASSWORD_FILE: place.tokenFolder,
      DREMIO_CA_FILE: place.passwordFile,
      TOKEN_FILE: `${place.passwordFile}/token.json`,
    });
    assert.equal(await exited, 69);
    assert.ok(performance.now() - begin < 5000);
    const text = String(lines.find(({ event }) => event === 'start_failed')?.error);
    assert.match(text, /secret file .* cannot be read \(EISDIR\)/);
    assert.match(text, /DREMIO_CA_FILE .* is not a readable PEM certificate file/);
    assert.match(text, /token folder .* does not take a file/);
    assert.ok(!running?.output.includes('    at '), 'no stack trace');
  });

  it('stops in words when a folder is in the place of the token file', async () => {
    await mkdir(place.tokenFile);
    const { exited, lines } = run();
    assert.equal(await exited, 69);
    assert.match(
      String(lines.at(-1)?.error),
      /token\.json is a folder; TOKEN_FILE must name a file/,
    );
  });
});
