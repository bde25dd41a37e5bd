import assert from 'node:assert/strict';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { DEMO_USER, start } from '../../images/demo-dremio/src/index.ts';
import { readTokenFile } from '../../images/kit/src/token-file.ts';
import { type OutageKind, outages } from '../helpers/outages.ts';
import { makeWorkplace, startRefresherProcess } from '../helpers/refresher-process.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../helpers/refresher-world.ts';
import { seededRandom } from '../helpers/seeded-random.ts';
import { type Simulation, simulate } from '../helpers/simulated-refresher.ts';

/** Few looks at a token that is well, so that days cost little; every other pause is as it always is. */
const TICK = HOUR;
const SELDOM = { CHECK_INTERVAL: `${TICK / SECOND}` };

describe('the refresher in simulated time, over real HTTP and real files', () => {
  it('R1: in 10 days logs in 11 times, and 5 h 54 min of life remain at least', async () => {
    await using it = await simulate({ settings: SELDOM, random: seededRandom(1) });
    await it.clock.advance(10 * DAY);
    assert.equal(it.demo.tokens.issued, 11);
    assert.ok(it.leastLife >= 5.9 * HOUR, `${it.leastLife / HOUR} h`);
    assert.deepEqual(it.gaps, []);
  });

  it('R3: bridges outages of every kind that begin when a renewal is due', async () => {
    const random = seededRandom(3);
    await using it = await simulate({ settings: SELDOM, random });
    const { clock, demo, events } = it;
    for (const kind of Object.keys(outages) as OutageKind[]) {
      await clock.settled();
      const due = Date.parse(String(events('token_written').at(-1)?.refresh_at));
      await clock.advance(due - clock.now() - 1);
      const { issued } = demo.tokens;
      const failures = events('login_failed').length;
      const end = await outages[kind](it, random);
      // The whole length costs 90 failed logins; the soak has it for all kinds.
      await clock.advance(kind === 'offline' ? 5 * HOUR + 50 * MINUTE : 10 * MINUTE);
      assert.equal(demo.tokens.issued, issued, kind);
      assert.ok(events('login_failed').length > failures, kind);
      await end();
      await clock.advance(5 * MINUTE);
      assert.equal(demo.tokens.issued, issued + 1, `${kind}: a new token within 5 min`);
      assert.deepEqual(it.gaps, [], kind);
    }
  });

  interface Upset {
    what: string;
    /** Whose clock jumps, or what else happens 10 h after the first login. */
    happen(it: Simulation): void;
  }
  const upsets: Upset[] = [HOUR, 30 * HOUR, 3650 * DAY]
    .flatMap((ms) => [ms, -ms])
    .map((ms) => ({
      what: `its clock jumps by ${ms / HOUR} h`,
      happen: ({ time }) => time.jump(ms),
    }));
  for (const ms of [30 * HOUR, -30 * HOUR])
    upsets.push({
      what: `its clock and Dremio's jump by ${ms / HOUR} h`,
      happen(it) {
        it.time.jump(ms);
        it.setDremioAhead(ms);
      },
    });
  for (const minutes of [10, -10])
    upsets.push({
      what: `Dremio's clock jumps by ${minutes} min`,
      happen: (it) => it.setDremioAhead(minutes * MINUTE),
    });
  upsets.push(
    { what: 'its machine is suspended for 8 h', happen: ({ clock }) => clock.suspend(8 * HOUR) },
    {
      what: 'its machine is suspended for 8 h when the token has 7 h to live',
      happen: ({ clock }) => clock.suspend(8 * HOUR),
    },
  );
  for (const { what, happen } of upsets)
    it(`R10: when ${what}, spends at most one extra login, and mends the file within a tick`, async () => {
      await using it = await simulate({ settings: SELDOM });
      const { clock, demo } = it;
      const begin = clock.now();
      await clock.advance(what.includes('7 h to live') ? 23 * HOUR : 10 * HOUR);
      happen(it);
      await clock.advance(TICK);
      assert.equal(it.worth(), 'valid', 'what Dremio thinks of the token in the file');
      await clock.advance(25 * HOUR);
      for (const { from, to } of it.gaps) assert.ok(to - from <= TICK, `${to - from} ms`);
      // With the jitter of these tests a token is replaced after 23.85 h.
      const usual = 1 + Math.floor((clock.now() - begin) / (23.85 * HOUR));
      assert.ok(demo.tokens.issued <= usual + 1, `${demo.tokens.issued} logins, usually ${usual}`);
      const { expiresAt = 0 } = it.file() ?? {};
      const promised = clock.now() + expiresAt - it.time.now();
      assert.equal(it.worth(promised - 1), 'valid', 'the token in the file at its noted end');
    });

  for (const minutes of [10, -10])
    it(`R10: notes when a token ends by its own clock while Dremio's is ahead by ${minutes} min`, async () => {
      await using it = await simulate({ settings: SELDOM });
      it.setDremioAhead(minutes * MINUTE);
      await it.clock.advance(2 * DAY);
      assert.equal(it.demo.tokens.issued, 3);
      const { expiresAt = 0 } = it.file() ?? {};
      assert.deepEqual(
        [it.worth(expiresAt - 1), it.worth(expiresAt + 2 * SECOND)],
        ['valid', 'expired'],
      );
      assert.deepEqual(it.gaps, []);
    });

  for (const [life, floor] of [
    [30 * HOUR, 15 * MINUTE],
    [HOUR, 3 * MINUTE],
    [MINUTE, 3 * SECOND],
  ] as const)
    it(`R13: with a token of ${life / SECOND} s is ready until exactly ${floor / SECOND} s before its end`, async () => {
      await using it = await simulate({ settings: SELDOM, demo: { tokenLifeMs: life } });
      const { clock, demo, health } = it;
      await clock.settled();
      const end = clock.now() + life;
      await demo.goOffline();
      const told = new Map<number, unknown>();
      for (const left of [life, 2 * floor, floor, floor - 1, 1, 0, -floor]) {
        await clock.advance(end - left - clock.now());
        const { status, codes } = await health('/readyz');
        told.set(left, status === 200 ? 'ready' : codes.at(-1));
      }
      assert.deepEqual(
        [...told.values()],
        [
          ...['ready', 'ready', 'ready'],
          ...['token_expiring', 'token_expiring', 'token_expired', 'token_expired'],
        ],
      );
      assert.equal((await health('/livez')).status, 200);
      await demo.goOnline();
      await clock.advance(5 * MINUTE);
      assert.equal((await health('/readyz')).status, 200);
    });

  it('R13: is not ready from the moment it knows that Dremio refuses the token', async () => {
    await using it = await simulate();
    const { clock, demo, health } = it;
    await clock.advance(HOUR);
    demo.tokens.expireAll();
    demo.faults.next('POST /apiv2/login', { status: 503, times: Number.POSITIVE_INFINITY });
    await clock.advance(5 * MINUTE);
    const { status, codes } = await health('/readyz');
    assert.deepEqual([status, codes], [503, ['dremio_failing', 'token_refused']]);
    demo.faults.clear();
    await clock.advance(5 * MINUTE);
    assert.equal((await health('/readyz')).status, 200);
  });

  for (const [which, before, limit] of [
    // Two ticks, of 5 s without a token and of the check interval with one, and 45 s for what is under way.
    ['first', 0, 2 * 5 * SECOND + 45 * SECOND],
    ['second', 23.8 * HOUR, 2 * TICK + 45 * SECOND],
  ] as const)
    it(`R13: while its ${which} login hangs, is live for ${limit / SECOND} s, and as ready as the file is`, async () => {
      const hang = { connection: 'hang', times: Number.POSITIVE_INFINITY } as const;
      await using it = await simulate({
        settings: SELDOM,
        demo: { faults: before === 0 ? [{ on: 'POST /apiv2/login', answer: hang }] : [] },
      });
      const { clock, demo, health, logged } = it;
      const ready = before === 0 ? [503, ['no_token']] : [200, []];
      if (before > 0) await clock.advance(before);
      demo.faults.next('POST /apiv2/login', hang);
      const passing = clock.advance(HOUR);
      await logged('login_attempt', before === 0 ? 1 : 2);
      clock.elapse(limit);
      const live = await health('/livez');
      clock.elapse(1);
      const stuck = await health('/livez');
      assert.deepEqual([live.codes, stuck.codes], [[], ['stuck']]);
      const { status, codes } = await health('/readyz');
      assert.deepEqual([status, codes], ready);
      demo.faults.clear();
      await demo.goOffline();
      await demo.goOnline();
      await passing;
      assert.equal((await health('/livez')).status, 200);
      assert.equal((await health('/readyz')).status, 200);
    });
});

const FAKETIME = globSync('/usr/lib{,64,/*}/faketime/libfaketime.so.1')[0];

describe('the refresher process on a clock that jumps', () => {
  const missing = FAKETIME ? false : 'needs libfaketime (Debian package faketime)';

  it('R10: logs in once for each jump that puts its token in doubt, and not at all for the others', {
    skip: missing,
  }, async (t) => {
    const demo = await start();
    const place = await makeWorkplace(DEMO_USER.password);
    const offset = join(place.tokenFolder, '..', 'clock', 'offset');
    await mkdir(dirname(offset));
    const set = async (ms: number) => {
      await writeFile(`${offset}.new`, `${ms < 0 ? '-' : '+'}${Math.abs(ms) / SECOND}`);
      await rename(`${offset}.new`, offset);
    };
    await set(0);
    const { child, lines, exited, logged } = startRefresherProcess({
      DREMIO_URL: demo.url,
      DREMIO_USERNAME: DEMO_USER.userName,
      DREMIO_PASSWORD_FILE: place.passwordFile,
      TOKEN_FILE: place.tokenFile,
      LD_PRELOAD: FAKETIME ?? '',
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_NO_CACHE: '1',
      // The wall clock alone jumps: pauses and the ages of files are those of the machine.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    });
    t.after(async () => {
      child.kill('SIGKILL');
      await exited;
      await demo.close();
      await place.remove();
    });
    const written = () => lines.filter(({ event }) => event === 'token_written');
    const { operations_port: port } = await logged('started');
    await logged('token_written');

    const jumps = [
      { to: HOUR, logins: 0 },
      { to: 0, logins: 1 },
      { to: 30 * HOUR, logins: 1 },
      { to: 0, logins: 1 },
      { to: 3650 * DAY, logins: 1 },
      { to: -3650 * DAY, logins: 1 },
      { to: 0, logins: 1 },
    ];
    let logins = 1;
    for (const { to, logins: more } of jumps) {
      const probes = demo.requests.entries('GET /apiv2/login').length;
      await set(to);
      // Spares the test the rest of a tick.
      await fetch(`http://127.0.0.1:${port}/probe`, { method: 'POST' });
      logins += more;
      const signal = AbortSignal.timeout(5000);
      if (more === 0) await demo.requests.waitFor('GET /apiv2/login', { count: probes + 1 });
      else while (written().length < logins) await once(child, 'lines', { signal });
      assert.equal(demo.tokens.issued, logins, `after the jump to ${to / HOUR} h`);
      const file = await readTokenFile(place.tokenFile);
      assert.equal(file.state, 'valid');
      if (file.state !== 'valid') return;
      assert.equal(demo.tokens.check(file.token).state, 'valid');
      const left = file.expiresAt - (Date.now() + to);
      const wanted = more === 0 ? 29 * HOUR : 30 * HOUR;
      assert.ok(Math.abs(left - wanted) < 5 * SECOND, `${left / HOUR} h noted`);
    }
    assert.deepEqual(
      lines.filter(({ event }) => event === 'login_attempt').map(({ reason }) => reason),
      [
        ...['no_token', 'clock_went_back', 'expired', 'clock_went_back'],
        ...['expired', 'clock_went_back', 'expired'],
      ],
    );
    child.kill('SIGTERM');
    assert.equal(await exited, 0);
  });
});
