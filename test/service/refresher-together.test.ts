/** Several refreshers on one folder: the lock, and what comes of it with real files and a real Dremio login. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DEMO_USER, start } from '../../images/demo-dremio/src/index.ts';
import { systemClock } from '../../images/kit/src/clock.ts';
import { createLogger } from '../../images/kit/src/logger.ts';
import { readSettings } from '../../images/kit/src/settings.ts';
import { createLock, LEASE_MS } from '../../images/refresher/src/lock.ts';
import { refresherSettings } from '../../images/refresher/src/settings.ts';
import { startRefresher } from '../../images/refresher/src/start.ts';
import { createTokenStore } from '../../images/refresher/src/token-store.ts';
import { type LogLine, makeWorkplace } from '../helpers/refresher-process.ts';
import { SteppedClock, stampFiles } from '../helpers/stepped-clock.ts';

const HOUR = 3_600_000;
/** 100 take some ten seconds. */
const ROTATIONS = Number(process.env.ROTATIONS ?? 8);

describe('the lock of a folder', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lock-'));
    path = join(folder, 'token.json');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is had by one at a time, and by the next once it is given back', async () => {
    const [one, other] = [createLock(path, systemClock), createLock(path, systemClock)];
    assert.equal(await one.take(), true);
    assert.equal(await other.take(), false);
    await other.release();
    assert.equal(await other.take(), false, 'nobody gives back the lock of another');
    await one.release();
    assert.deepEqual(await readdir(folder), []);
    assert.equal(await other.take(), true);
    await other.release();
  });

  it('is had by exactly one of many that ask at the same moment, free or left behind', async () => {
    for (const leftBehind of [false, true]) {
      if (leftBehind) {
        const file = join(folder, '.token.json.lock');
        await writeFile(file, 'one that was killed');
        await utimes(file, 0, 0);
      }
      const locks = Array.from({ length: 20 }, () => createLock(path, systemClock));
      const taken = await Promise.all(locks.map((lock) => lock.take()));
      assert.equal(taken.filter(Boolean).length, 1, `left behind: ${leftBehind}`);
      await Promise.all(locks.map((lock) => lock.release()));
      assert.deepEqual(await readdir(folder), []);
    }
  });

  it('is kept while its holder works longer than a lease', async () => {
    const leaseMs = 80;
    const holder = createLock(path, systemClock, leaseMs);
    const other = createLock(path, systemClock, leaseMs);
    assert.equal(await holder.take(), true);
    const end = performance.now() + 5 * leaseMs;
    while (performance.now() < end) assert.equal(await other.take(), false);
    await holder.release();
  });

  it('outlives a holder that was killed by a lease, and none that comes from the future', async () => {
    const clock = new SteppedClock();
    const file = join(folder, '.token.json.lock');
    const lock = createLock(path, clock.participant());
    const leave = async (age: number) => {
      await writeFile(file, 'one that was killed');
      const time = new Date(clock.now() - age);
      await utimes(file, time, time);
    };
    await leave(LEASE_MS - 1000);
    assert.equal(await lock.take(), false);
    for (const age of [LEASE_MS, -LEASE_MS - 1000]) {
      await leave(age);
      assert.equal(await lock.take(), true);
      await lock.release();
    }
  });

  it('is no reason to stop where the folder takes no file', async () => {
    const nowhere = join(folder, 'gone', 'token.json');
    await assert.rejects(createLock(nowhere, systemClock).take(), { code: 'ENOENT' });
  });
});

describe('two refreshers on one folder', () => {
  it(`R14: log in once for each of ${ROTATIONS} rotations, and both know the newest token`, async () => {
    const place = await makeWorkplace(DEMO_USER.password);
    const clock = new SteppedClock();
    const unstamp = stampFiles(clock, place.tokenFolder);
    await using demo = await start({ now: () => clock.now(), tokenLifeMs: 30 * HOUR });
    const settings = readSettings(refresherSettings, {
      DREMIO_URL: demo.url,
      DREMIO_USERNAME: DEMO_USER.userName,
      DREMIO_PASSWORD_FILE: place.passwordFile,
      TOKEN_FILE: place.tokenFile,
      CHECK_INTERVAL: '3600',
      OPERATIONS_PORT: '0',
    });
    const lines: LogLine[] = [];
    const services = [];
    const participants = [];
    for (const name of ['one', 'other']) {
      const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
      const log = createLogger({ service: 'refresher', level: 'debug', destination });
      const participant = clock.participant(name);
      participants.push(participant);
      services.push(await startRefresher({ settings, log, version: '0', clock: participant }));
    }
    try {
      await clock.advance(ROTATIONS * 24 * HOUR);
      const logins = demo.requests.entries('POST /apiv2/login').length;
      // Jitter makes a day up to 18 minutes shorter, so a few more fit in.
      assert.ok(logins >= ROTATIONS && logins <= 1.03 * ROTATIONS + 1, `${logins} logins`);
      assert.equal(demo.tokens.issued, logins);
      const count = (event: string) => lines.filter((line) => line.event === event).length;
      assert.equal(count('token_written'), logins);
      assert.equal(count('token_adopted'), logins, 'each token is taken over by the other one');
      assert.equal(count('lock_unavailable'), 0);
      const [one, other] = services.map(({ refresher }) => refresher.state.inFile?.token);
      assert.equal(one, other);
      assert.deepEqual((await readdir(place.tokenFolder)).sort(), [
        '.token.json.credentials',
        'token.json',
      ]);
    } finally {
      unstamp();
      for (const participant of participants) participant.leave();
      await Promise.all(services.map((service) => service.stop()));
      await place.remove();
    }
  });

  it('follow each other in a start-first update without a login and without a moment without a token', async () => {
    const place = await makeWorkplace(DEMO_USER.password);
    await using demo = await start({ tokenLifeMs: 30 * HOUR });
    const settings = readSettings(refresherSettings, {
      DREMIO_URL: demo.url,
      DREMIO_USERNAME: DEMO_USER.userName,
      DREMIO_PASSWORD_FILE: place.passwordFile,
      TOKEN_FILE: place.tokenFile,
      OPERATIONS_PORT: '0',
    });
    const log = createLogger({ service: 'refresher', level: 'error', destination: { write() {} } });
    const store = createTokenStore(place.tokenFile);
    const next = async () => {
      const service = await startRefresher({ settings, log, version: '0' });
      const health = `http://127.0.0.1:${service.operationsPort}/startupz`;
      const deadline = performance.now() + 10_000;
      while ((await fetch(health)).status !== 200)
        assert.ok(performance.now() < deadline, 'it is ready in time');
      return service;
    };
    let current = await next();
    const { file: first } = await store.read();
    assert.equal(first.state, 'valid');
    let over = false;
    const seen = (async () => {
      const states = new Set<string>();
      while (!over) states.add(JSON.stringify((await store.read()).file));
      return states;
    })();
    for (let update = 0; update < 3; update++) {
      const coming = await next();
      await current.stop();
      current = coming;
    }
    over = true;
    assert.deepEqual([...(await seen)], [JSON.stringify(first)], 'the same token all the time');
    assert.equal(demo.requests.entries('POST /apiv2/login').length, 1);
    assert.equal(demo.tokens.valid, 1, 'who leaves ends no token');
    assert.deepEqual((await readdir(place.tokenFolder)).sort(), [
      '.token.json.credentials',
      'token.json',
    ]);
    await current.stop();
    await place.remove();
  });

  it('do not fail when one that starts takes a temporary file of the other for a leftover', async () => {
    const place = await makeWorkplace(DEMO_USER.password);
    await mkdir(place.tokenFolder, { recursive: true });
    const [writer, starter] = [
      createTokenStore(place.tokenFile),
      createTokenStore(place.tokenFile),
    ];
    for (let turn = 1; turn <= 50; turn++)
      await Promise.all([
        writer.write({ token: `token-${turn}`, expiresAt: Date.parse('2040-01-01') }),
        starter.removeLeftovers(),
      ]);
    const { file } = await starter.read();
    assert.equal(file.state === 'valid' && file.token, 'token-50');
    await place.remove();
  });
});
