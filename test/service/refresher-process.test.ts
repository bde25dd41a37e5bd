import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { DEMO_USER, type DemoDremio, start } from '../../images/demo-dremio/src/index.ts';
import {
  checkStopped,
  type Lives,
  MOMENTS,
  PROMISED_STOP_MS,
  startLives,
} from '../fixtures/refresher/lives.ts';
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
      ['1 starting', '2 login_attempt', '3 login_succeeded', '4 token_written', '5 stopped'],
    );
    assert.equal(new Set(audit.map(({ run: id }) => id)).size, 1);
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
    // The lock of the killed run may be there until its lease is over.
    assert.deepEqual((await readdir(place.tokenFolder)).filter(isTemporary), []);
    assert.ok(!second.lines.some(({ event }) => event === 'login_attempt'));
  });

  it('logs in at once when it starts with another password than the token was got with, and only then', async () => {
    const until = async (one: RefresherProcess, event: string) => {
      const line = await one.logged(event);
      one.child.kill('SIGTERM');
      await one.exited;
      return line;
    };
    await until(run(), 'token_written');
    const note = join(place.tokenFolder, '.token.json.credentials');
    assert.equal((await stat(note)).mode & 0o7777, 0o600);

    const rotated = 'rotated-password-2';
    demo.users.verify = (name, given) => (given === rotated ? demo.users.get(name) : undefined);
    await rm(place.passwordFile);
    await writeFile(place.passwordFile, `${rotated}\n`, { mode: 0o400 });
    const second = run();
    await until(second, 'token_written');
    const adopted = second.lines.findIndex(({ event }) => event === 'token_adopted');
    const attempt = second.lines.findIndex(({ event }) => event === 'login_attempt');
    assert.ok(adopted >= 0 && adopted < attempt, 'the old token serves meanwhile');
    assert.equal(second.lines[attempt]?.reason, 'credentials_changed');

    const third = run();
    await until(third, 'probe');
    assert.ok(!third.lines.some(({ event }) => event === 'login_attempt'));
    assert.equal(demo.tokens.issued, 2);
    const text = await readFile(note, 'utf8');
    assert.ok(!text.includes(rotated) && !text.includes(DEMO_USER.password));
  });

  it('takes the token as it is when the note beside it says nothing', async () => {
    const first = run();
    await first.logged('token_written');
    first.child.kill('SIGKILL');
    await first.exited;
    await writeFile(join(place.tokenFolder, '.token.json.credentials'), '{"key":"');
    const second = run();
    await second.logged('probe');
    assert.ok(!second.lines.some(({ event }) => event === 'login_attempt'));
  });

  /** The problems that a start ended with; nothing else may be logged but that it began. */
  const refusal = async (environment: Record<string, string>) => {
    const begin = performance.now();
    const { exited, lines } = run(environment);
    const code = await exited;
    assert.ok(performance.now() - begin < 5000);
    assert.ok(!running?.output.includes('    at '), 'no stack trace');
    const [first, ...wrong] = lines;
    assert.equal(first?.event, 'starting');
    assert.ok(wrong.every(({ event, level }) => event === 'setting_wrong' && level === 'error'));
    return { code, problems: wrong.map(({ problem }) => String(problem)) };
  };

  it('stops with 78 and every problem of settings and files in one run, without quoting a secret', async () => {
    const { code, problems } = await refusal({
      DREMIO_URL: 'https://admin:hunter2-hunter2@dremio.test',
      DREMIO_USERNAME: 'ann\n',
      DREMIO_PASSWORD_FILE: '',
      DREMIO_PASSWORD: 'hunter2-hunter2',
      DREMIO_CA: 'hunter2-hunter2',
      DREMIO_CA_FILE: join(place.folder, 'nowhere.pem'),
      TOKEN_FILE: join(place.folder, 'nowhere', 'token.json'),
      CHECK_INTERVAL: 'often',
    });
    assert.equal(code, 78);
    assert.deepEqual(
      problems.map((line) => line.slice(0, line.indexOf(' '))),
      [
        'DREMIO_URL',
        'DREMIO_USERNAME',
        'DREMIO_PASSWORD',
        'DREMIO_CA',
        'CHECK_INTERVAL',
        'DREMIO_CA_FILE',
        'TOKEN_FILE',
      ],
    );
    assert.match(problems[2] ?? '', /unset it, and set DREMIO_PASSWORD_FILE to the absolute path/);
    assert.match(problems[3] ?? '', /unset it, and set DREMIO_CA_FILE to the absolute path/);
    assert.ok(!running?.output.includes('hunter2'));
  });

  it('stops with 69 and every problem within 5 s when only its files cannot be used', async () => {
    const { code, problems } = await refusal({
      DREMIO_PASSWORD_FILE: place.tokenFolder,
      DREMIO_CA_FILE: place.passwordFile,
      TOKEN_FILE: `${place.passwordFile}/token.json`,
    });
    assert.equal(code, 69);
    const [password = '', ca = '', token = '', ...others] = problems;
    assert.ok(
      password.startsWith(`DREMIO_PASSWORD_FILE is ${place.tokenFolder}, which is a folder;`),
    );
    assert.ok(ca.startsWith(`DREMIO_CA_FILE is ${place.passwordFile}, which holds no certificate`));
    assert.ok(
      token.startsWith(
        `TOKEN_FILE is ${place.passwordFile}/token.json, which is in ${place.passwordFile}, which is not a folder;`,
      ),
    );
    assert.deepEqual(others, []);
  });
});

describe('a refresher that was killed', () => {
  it('R7: has what it left removed first of all, so that starts that are killed too leave no more', async () => {
    const place = await makeWorkplace(DEMO_USER.password);
    try {
      await writeFile(`${place.tokenFolder}/.token.json.0011223344556677.tmp`, '{"tok');
      // Ends at the look at the files.
      await startRefresherProcess({ TOKEN_FILE: place.tokenFile }).exited;
      assert.deepEqual(await readdir(place.tokenFolder), []);
    } finally {
      await place.remove();
    }
  });
});

describe('a refresher that gets SIGTERM', () => {
  let lives: Lives;
  before(async () => {
    lives = await startLives();
  });
  after(() => lives.end());

  for (const moment of Object.keys(MOMENTS))
    it(`R12: ends with 0 within 2 s ${moment}, the file and the record whole, nothing beside it`, async () => {
      const life = await lives.live(moment, 'SIGTERM');
      assert.ok(life.stopMs < PROMISED_STOP_MS, `took ${life.stopMs} ms`);
      await checkStopped(lives, life);
    });

  it('R12: leaves nothing behind when the signal comes before its first line', async () => {
    const place = await makeWorkplace(DEMO_USER.password);
    try {
      const { child, exited } = startRefresherProcess({ TOKEN_FILE: place.tokenFile });
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
      const sentAt = performance.now();
      child.kill('SIGTERM');
      // No program can answer a signal before it runs.
      assert.ok(['SIGTERM', 0].includes(await exited));
      assert.ok(performance.now() - sentAt < PROMISED_STOP_MS);
      assert.deepEqual(await readdir(place.tokenFolder), []);
    } finally {
      await place.remove();
    }
  });
});
