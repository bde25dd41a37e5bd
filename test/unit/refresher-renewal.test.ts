import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  DAY,
  type Folder,
  fails,
  HOUR,
  MINUTE,
  POLICY,
  runTogether,
  SECOND,
  START,
  World,
} from '../helpers/refresher-world.ts';

const LIFE = 30 * HOUR;
const AN_HOUR_LATER = { ...POLICY, logoutAfterMs: HOUR };

describe('several refreshers on one folder', () => {
  it('R14: log in once for each of 100 rotations, whatever their jitter', () => {
    const chance = fc.double({ min: 0, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(chance, chance, fc.integer({ min: 0, max: 10 * SECOND }), (a, b, later) => {
        const folder: Folder = {};
        const worlds = [
          new World({ lifeMs: LIFE, folder, name: 'a', random: () => a }),
          new World({ lifeMs: LIFE, folder, name: 'b', random: () => b }),
        ];
        worlds[1]?.jump(later);
        runTogether(worlds, START + 101 * DAY);
        const logins = worlds.flatMap((world) => world.logins);
        const days = (logins.at(-1)?.at ?? 0) - START;
        assert.ok(logins.length >= 100 && logins.length <= 104, `${logins.length} in ${days} ms`);
        for (const world of worlds) assert.deepEqual(world.gaps, []);
        assert.equal(folder.lock, undefined, 'nobody keeps the turn');
      }),
      { numRuns: 5 },
    );
  });

  it('forget that their own login failed once another has logged in', () => {
    const folder: Folder = {};
    const down = new World({ lifeMs: LIFE, folder, login: () => fails('credentials_refused') });
    down.run(MINUTE);
    assert.equal(down.state.loginTrouble?.last.class, 'credentials_refused');
    const other = new World({ lifeMs: LIFE, folder });
    runTogether([down, other], START + 2 * MINUTE);
    assert.equal(down.state.loginTrouble, undefined);
    assert.equal(down.state.inFile?.token, other.state.inFile?.token);
  });

  it('go on without one that keeps the turn for ever', () => {
    const folder: Folder = {};
    const world = new World({ lifeMs: LIFE, folder });
    folder.lock = new World({ lifeMs: LIFE });
    world.run(MINUTE);
    assert.equal(world.logins.length, 0);
    folder.lock = undefined;
    world.run(2 * SECOND);
    assert.equal(world.logins.length, 1);
  });

  it('pass the turn on after a login that failed, and after a write that did', () => {
    const folder: Folder = {};
    const down = new World({ lifeMs: LIFE, folder, login: () => fails('dremio_unreachable') });
    down.run(MINUTE);
    assert.equal(folder.lock, undefined);
    const full = new World({ lifeMs: LIFE, folder, disk: () => false });
    full.run(MINUTE);
    assert.equal(full.logins.length, 1);
    assert.equal(folder.lock, undefined);
  });
});

describe('a login that failed', () => {
  it('is forgotten when Dremio takes the refused token back, and not while a renewal is due', () => {
    let refuses = false;
    let fail = false;
    const world = new World({
      lifeMs: LIFE,
      probe: () => (refuses ? 'refused' : undefined),
      login: () => (fail ? fails('dremio_unreachable') : undefined),
    });
    const trouble = () => world.state.loginTrouble?.last.class;
    world.run(HOUR);
    refuses = true;
    fail = true;
    world.run(10 * MINUTE);
    assert.equal(trouble(), 'dremio_unreachable');
    refuses = false;
    world.run(10 * MINUTE);
    assert.equal(trouble(), undefined);
    world.run(24 * HOUR);
    assert.equal(trouble(), 'dremio_unreachable', 'now it is due');
  });
});

describe('a token of short life', () => {
  for (const kind of ['dremio_failing', 'dremio_unreachable'] as const)
    it(`R3: of 60 s, bridges 5.8 s of ${kind} at its renewal, and is replaced within a tick after`, () => {
      const [from, to] = [START + 47.3 * SECOND, START + 53.2 * SECOND];
      const down = (now: number) => now >= from && now < to;
      const away = kind === 'dremio_failing' ? 'failing' : 'unreachable';
      const chance = fc.double({ min: 0, max: 0.999, noNaN: true });
      fc.assert(
        fc.property(fc.infiniteStream(chance), (chances) => {
          const world = new World({
            lifeMs: MINUTE,
            random: () => chances.next().value,
            login: (now) => (down(now) ? fails(kind) : undefined),
            probe: (now) => (down(now) ? away : undefined),
          });
          world.run(2 * MINUTE);
          assert.deepEqual(world.gaps, []);
          const back = world.logins.find(({ ok, at }) => ok && at >= to);
          assert.ok(back && back.at - to <= 5 * SECOND, `${(back?.at ?? 0) - to} ms`);
        }),
        { numRuns: 200 },
      );
    });

  it('is renewed when that is due, refused or not, however young the last login is', () => {
    const world = new World({
      lifeMs: 20 * SECOND,
      login: (now) =>
        now > START && now < START + 17 * SECOND ? fails('dremio_failing') : undefined,
      probe: (now) => (now >= START + 15 * SECOND ? 'refused' : undefined),
    });
    world.run(40 * SECOND);
    const [, second] = world.logins.filter(({ ok }) => ok);
    assert.ok(second && second.at < START + 20 * SECOND);
  });
});

describe('a token that was replaced', () => {
  it('is left to end by itself unless told otherwise', () => {
    const world = new World({ lifeMs: LIFE });
    world.run(10 * DAY);
    assert.deepEqual(world.logouts, []);
  });

  it('is logged out once the grace is over, each one once and never the one in use', () => {
    const world = new World({ lifeMs: LIFE, policy: AN_HOUR_LATER });
    world.run(10 * DAY);
    const replacedAt = world.logins.slice(1).map(({ at }) => at);
    const due = replacedAt.filter((at) => at + HOUR < world.now);
    assert.deepEqual(
      world.logouts.map(({ at }) => at - HOUR),
      due,
    );
    assert.deepEqual(
      world.logouts.map(({ token }) => token),
      due.map((_, index) => `token-${index + 1}`),
    );
    assert.deepEqual(world.gaps, []);
  });

  it('is not logged out when Dremio has refused it, nor when it ends before the grace does', () => {
    const refused = new World({
      lifeMs: LIFE,
      policy: AN_HOUR_LATER,
      probe: (_, token) => (token === 'token-1' ? 'refused' : undefined),
    });
    refused.run(20 * HOUR);
    assert.equal(refused.logins.length, 2);
    assert.deepEqual(refused.logouts, []);
    const short = new World({ lifeMs: 10 * MINUTE, policy: AN_HOUR_LATER });
    short.run(DAY);
    assert.deepEqual(short.logouts, []);
  });

  it('is tried three times, a minute apart, and then left to end', () => {
    const world = new World({ lifeMs: LIFE, policy: AN_HOUR_LATER, logout: () => false });
    world.run(26 * HOUR);
    const [first, second, third, ...others] = world.logouts.map(({ at }) => at);
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    assert.deepEqual([second - first, third - second, others.length], [MINUTE, MINUTE, 0]);
  });

  it('keeps its grace, give or take a tick, when the clock goes back', () => {
    const world = new World({ lifeMs: LIFE, policy: AN_HOUR_LATER });
    world.run(25 * HOUR - 20 * MINUTE);
    const replaced = world.state.replaced[0]?.token;
    assert.equal(replaced, 'token-1');
    const left = (world.state.replaced[0]?.logoutAt ?? 0) - world.now;
    world.jump(-3 * HOUR);
    const jumpedAt = world.now;
    world.run(2 * HOUR);
    const loggedOut = world.logouts.find(({ token }) => token === replaced);
    const grace = (loggedOut?.at ?? 0) - jumpedAt;
    assert.ok(grace >= left && grace <= left + 5 * MINUTE, `${grace} instead of ${left}`);
  });
});
