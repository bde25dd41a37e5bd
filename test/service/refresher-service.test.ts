import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  DEMO_USER,
  type DemoDremio,
  type DemoDremioOptions,
  start,
} from '../../images/demo-dremio/src/index.ts';
import { systemClock } from '../../images/kit/src/clock.ts';
import { createLogger } from '../../images/kit/src/logger.ts';
import { readSettings } from '../../images/kit/src/settings.ts';
import { readTokenFile } from '../../images/kit/src/token-file.ts';
import { refresherSettings } from '../../images/refresher/src/settings.ts';
import { type RefresherService, startRefresher } from '../../images/refresher/src/start.ts';
import { type LogLine, makeWorkplace, type Workplace } from '../helpers/refresher-process.ts';

const HOUR = 3_600_000;

/** Waits for a condition, at most 5 s. */
async function until<T>(what: string, check: () => Promise<T | undefined> | T | undefined) {
  const deadline = performance.now() + 5000;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`not within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('the refresher service', () => {
  let demo: DemoDremio;
  let place: Workplace;
  let service: RefresherService | undefined;
  let lines: LogLine[];
  /** How far the service's clock and the stand-in's are ahead of the real one, ms. */
  let ahead = 0;
  const now = () => Date.now() + ahead;

  beforeEach(async () => {
    ahead = 0;
    place = await makeWorkplace(DEMO_USER.password);
    lines = [];
  });
  afterEach(async () => {
    await service?.stop();
    service = undefined;
    await demo.close();
    await place.remove();
  });

  const run = async (options: DemoDremioOptions = {}, changes: Record<string, string> = {}) => {
    demo = await start({ now, ...options });
    const settings = readSettings(refresherSettings, {
      ...changes,
      DREMIO_URL: demo.url,
      DREMIO_USERNAME: DEMO_USER.userName,
      DREMIO_PASSWORD_FILE: place.passwordFile,
      TOKEN_FILE: place.tokenFile,
      OPERATIONS_PORT: '0',
    });
    const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
    const log = createLogger({ service: 'refresher', level: 'debug', destination });
    const clock = { now, sleep: systemClock.sleep };
    service = await startRefresher({ settings, log, version: '0', clock, random: () => 0.5 });
  };
  /** Lets time pass without waiting for it; a hint makes the service look at the clock. */
  const pass = (ms: number) => {
    ahead += ms;
    service?.refresher.hint();
  };
  const call = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${service?.operationsPort}${path}`, { method });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const token = async () => {
    const file = await readTokenFile(place.tokenFile);
    return file.state === 'valid' ? file.token : undefined;
  };
  const reasons = async () => {
    const { status, body } = await call('/readyz');
    const codes = (body.reasons as { code: string }[]).map(({ code }) => code);
    assert.equal(status, codes.length === 0 ? 200 : 503);
    return codes;
  };
  const readyBecause = (...wanted: string[]) =>
    until(`ready reasons ${wanted}`, async () => (await reasons()).join() === wanted.join());
  const events = (name: string) => lines.filter(({ event }) => event === name);

  it('replaces a token that Dremio no longer accepts within seconds of a hint', async () => {
    await run();
    const first = await until('a token', token);
    demo.tokens.revoke(first);
    ahead += 60_000;
    const hinted = await call('/probe', 'POST');
    assert.deepEqual([hinted.status, hinted.body], [202, { status: 'accepted' }]);
    const second = await until('another token', async () => {
      const current = await token();
      return current === first ? undefined : current;
    });
    assert.equal(demo.tokens.check(second).state, 'valid');
    assert.equal(events('token_refused').length, 1);
    assert.equal(events('login_attempt')[1]?.reason, 'token_refused');
    await readyBecause();
  });

  it('says that a token is refused while it may not log in again yet', async () => {
    await run();
    demo.tokens.revoke(await until('a token', token));
    pass(6_000);
    await readyBecause('token_refused');
    assert.equal(events('login_attempt').length, 1);
    pass(30_000);
    await readyBecause();
  });

  it('answers a hint by GET with 405', async () => {
    await run();
    const { status } = await call('/probe');
    assert.equal(status, 405);
  });

  it('says which credentials are refused, keeps its distance, and takes a corrected file up', async () => {
    await writeFile(place.passwordFile, 'wrong-password-1\n', { mode: 0o600 });
    await run();
    await readyBecause('credentials_refused', 'no_token');
    assert.equal(demo.requests.entries('POST /apiv2/login').length, 1);
    const { body } = await call('/status');
    const failure = body.login_failure as { code: string; next_try_at: string };
    assert.equal(failure.code, 'credentials_refused');
    assert.ok(Date.parse(failure.next_try_at) > Date.now() + 4 * 60_000);
    await writeFile(`${place.passwordFile}.new`, `${DEMO_USER.password}\n`);
    await rename(`${place.passwordFile}.new`, place.passwordFile);
    pass(6_000);
    await readyBecause();
    assert.equal(events('credentials_changed').length, 1);
    const text = JSON.stringify(lines);
    assert.ok(!text.includes('wrong-password-1') && !text.includes(DEMO_USER.password));
  });

  it('was started once it was ready, and stays so when Dremio is away until the token has ended', async () => {
    await run({ tokenLifeMs: HOUR });
    await readyBecause();
    assert.equal((await call('/startupz')).status, 200);
    await demo.close();
    pass(2 * HOUR);
    await readyBecause('dremio_unreachable', 'token_expired');
    for (const path of ['/startupz', '/livez']) assert.equal((await call(path)).status, 200);
  });

  it('is not restarted into another login when its password is wrong, but waits for Dremio to be there', async () => {
    await writeFile(place.passwordFile, 'wrong-password-1\n', { mode: 0o600 });
    await run();
    await readyBecause('credentials_refused', 'no_token');
    assert.equal((await call('/startupz')).status, 200);
    await service?.stop();
    await demo.close();
    await run({ users: [] });
    await readyBecause('no_first_user', 'no_token');
    assert.equal((await call('/startupz')).status, 503);
  });

  it('says that the first user is missing, and logs in once there is one', async () => {
    await run({ users: [] });
    await readyBecause('no_first_user', 'no_token');
    assert.match(String(events('login_failed')[0]?.message), /first user/);
    demo.users.add(DEMO_USER);
    pass(30_000);
    await readyBecause();
  });

  it('creates the first user where that is wanted, and logs in as that user at once', async () => {
    await run({ users: [] }, { CREATE_FIRST_USER: 'true' });
    await readyBecause();
    assert.equal(events('first_user_created')[0]?.username, DEMO_USER.userName);
    assert.equal(events('login_failed').length, 0);
    assert.equal(demo.requests.entries('PUT /apiv2/bootstrap/firstuser').length, 1);
  });

  it('does not try again and again to create a first user that Dremio does not take', async () => {
    await writeFile(place.passwordFile, 'short\n', { mode: 0o600 });
    await run({ users: [] }, { CREATE_FIRST_USER: 'true' });
    await readyBecause('no_first_user', 'no_token');
    const { body } = await call('/readyz');
    assert.match(JSON.stringify(body), /at least 8 characters, a letter and a digit/);
    assert.equal(demo.requests.entries('PUT /apiv2/bootstrap/firstuser').length, 1);
    const { body: status } = await call('/status');
    const failure = status.login_failure as { next_try_at: string };
    assert.ok(Date.parse(failure.next_try_at) >= Date.now() + 8_000);
  });

  it('logs a replaced token out once its grace is over, and says so without showing it', async () => {
    await run({ tokenLifeMs: 30 * 3_600_000 }, { LOGOUT_REPLACED_AFTER: '600' });
    const first = await until('a token', token);
    pass(25 * 3_600_000);
    await until('another token', () => events('token_written').length === 2);
    assert.equal(demo.tokens.valid, 2);
    pass(601_000);
    await until('the logout', () => demo.tokens.valid === 1);
    await until('its record', () => events('token_logged_out').length === 1);
    const [replaced] = events('token_written');
    assert.equal(events('token_logged_out')[0]?.fingerprint, replaced?.fingerprint);
    assert.notEqual(await token(), first);
    await readyBecause();
    assert.ok(!JSON.stringify(lines).includes(first));
  });

  it('takes a corrected password up at once, without waiting for a tick', async () => {
    await writeFile(place.passwordFile, 'wrong-password-1\n', { mode: 0o600 });
    await run();
    await readyBecause('credentials_refused', 'no_token');
    // No time passes for the service: only the watch on the file can tell it.
    await writeFile(`${place.passwordFile}.new`, `${DEMO_USER.password}\n`);
    await rename(`${place.passwordFile}.new`, place.passwordFile);
    const { time } = await until('the change', () => events('credentials_changed')[0]);
    await readyBecause();
    const refused = Date.parse(String(events('login_failed')[0]?.time));
    assert.ok(Date.parse(String(time)) - refused < 5000, 'sooner than the next look at the files');
  });

  it('waits for a Dremio that starts after it', async () => {
    await run({ startDelayMs: 300 });
    await readyBecause();
    assert.ok(events('login_failed').every(({ class: kind }) => kind === 'dremio_unreachable'));
    assert.ok(events('login_failed').length >= 1);
  });

  it('stays live during a login that hangs, and answers at once', async () => {
    await run({ faults: [{ on: 'POST /apiv2/login', answer: { connection: 'hang' } }] });
    await until('the login', () => events('login_attempt').length > 0);
    const begin = performance.now();
    const live = await call('/livez');
    assert.equal(live.status, 200);
    assert.deepEqual(await reasons(), ['no_token']);
    assert.ok(performance.now() - begin < 1000);
  });

  it('checks a token it finds, and replaces it at once when Dremio does not know it', async () => {
    const expires_at = new Date(Date.now() + 20 * 3_600_000).toISOString();
    await writeFile(place.tokenFile, JSON.stringify({ token: 'stranger-token', expires_at }));
    await run();
    await readyBecause();
    assert.deepEqual(
      lines.filter(({ audit }) => audit).map(({ seq, event }) => `${seq} ${event}`),
      [
        '1 token_adopted',
        '2 token_refused',
        '3 login_attempt',
        '4 login_succeeded',
        '5 token_written',
      ],
    );
    assert.equal(demo.tokens.check(await token()).state, 'valid');
    assert.ok(!JSON.stringify(lines).includes('stranger-token'));
  });

  for (const [name, content] of [
    ['an empty file', ''],
    ['a torn file', '{"token":"abc'],
    ['JSON of another shape', '{"token":"abc","expires_at":"2999-01-01T00:00:00Z","more":1}'],
    ['10 MB', 'x'.repeat(10_000_000)],
    ['an expired token', '{"token":"abc","expires_at":"2020-01-01T00:00:00Z"}'],
  ] as const)
    it(`logs in when it finds ${name} in the token file's place`, async () => {
      await writeFile(place.tokenFile, content);
      await run();
      await readyBecause();
      assert.equal(demo.tokens.check(await token()).state, 'valid');
    });

  it('counts what happened for Prometheus', async () => {
    await run({ users: [] });
    await until('a failure', () => events('login_failed').length > 0);
    const response = await fetch(`http://127.0.0.1:${service?.operationsPort}/metrics`);
    const text = await response.text();
    assert.match(text, /^lakehouse_refresher_logins_total\{outcome="no_first_user"\} 1$/m);
    assert.match(text, /^lakehouse_refresher_logins_total\{outcome="success"\} 0$/m);
    assert.match(text, /^lakehouse_refresher_authenticated 0$/m);
    assert.match(text, /^lakehouse_refresher_token_remaining_seconds 0$/m);
    assert.match(text, /^lakehouse_build_info\{service="refresher",version="0"\} 1$/m);
  });

  it('keeps the old file byte for byte while it cannot write, and says so', async () => {
    await run();
    await readyBecause();
    const before = await readFile(place.tokenFile);
    const away = `${place.tokenFolder}-away`;
    await rename(place.tokenFolder, away);
    pass(24.5 * 3_600_000);
    await until('a failed write', () => events('token_write_failed').length > 0);
    assert.deepEqual(await readFile(`${away}/token.json`), before);
    await rename(away, place.tokenFolder);
    pass(30_000);
    await until('a written token', () => events('token_written').length === 2);
    assert.equal(demo.tokens.issued, 2);
    assert.notDeepEqual(await readFile(place.tokenFile), before);
    await readyBecause();
  });
});
