import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MAX_TIMER_MS } from '../../images/kit/src/clock.ts';
import {
  type LoginResult,
  PROBE_OUTCOMES,
  type ProbeOutcome,
} from '../../images/refresher/src/core/answer.ts';
import type { FailureClass } from '../../images/refresher/src/core/failure.ts';
import { refreshMargin } from '../../images/refresher/src/core/schedule.ts';
import {
  DAY,
  fails,
  HOUR,
  MINUTE,
  POLICY,
  SECOND,
  START,
  World,
} from '../helpers/refresher-world.ts';
import { seededRandom } from '../helpers/seeded-random.ts';

describe('the refresher over time', () => {
  const jitters: Record<string, () => number> = {
    none: () => 0,
    'the most there is': () => 0.999_999,
    random: seededRandom(1),
  };
  for (const [jitter, random] of Object.entries(jitters))
    it(`R1: in a year of 30 h tokens, with jitter ${jitter}, logs in 365 to 371 times, and 5 h 54 min remain at least`, () => {
      const world = new World({ lifeMs: 30 * HOUR, random });
      world.run(365 * DAY);
      assert.ok(world.logins.length >= 365 && world.logins.length <= 371, `${world.logins.length}`);
      assert.ok(world.leastLife >= 5.9 * HOUR, `${world.leastLife / HOUR} h`);
      assert.deepEqual(world.gaps, []);
    });

  it('R2: keeps any life from 1 min to 10 years without a gap, with few logins and no long timer', () => {
    // As many short lives as long ones.
    const life = fc.double({ min: Math.log(MINUTE), max: Math.log(3650 * DAY), noNaN: true });
    fc.assert(
      fc.property(life, fc.integer(), (logarithm, seed) => {
        const lifeMs = Math.round(Math.exp(logarithm));
        const random = seededRandom(seed);
        const world = new World({ lifeMs, random });
        // Found with less than a day to its renewal, so that two days show one, also of a life of years.
        const margin = refreshMargin(lifeMs, POLICY);
        const expiresAt = START + Math.ceil(margin + random() * Math.min(lifeMs - margin, DAY));
        world.file = { token: 'found', expiresAt, modifiedAt: expiresAt - lifeMs };
        const span = Math.min(5 * lifeMs, 2 * DAY);
        world.run(span);
        assert.ok(world.logins.length >= 1, 'renewed at least once');
        assert.deepEqual(world.gaps, []);
        assert.ok(world.logins.length <= span / (0.75 * lifeMs) + 1, `${world.logins.length}`);
        assert.ok(world.longestWait <= MAX_TIMER_MS);
      }),
      { numRuns: 1000 },
    );
  });

  it('replaces a token of 60 s with at least 11 s to spare', () => {
    const world = new World({ lifeMs: MINUTE, random: () => 0 });
    world.run(HOUR);
    assert.ok(world.leastLife >= 11 * SECOND, `${world.leastLife}`);
  });

  /** What a login meets while Dremio, or something before it, is away. */
  const troubles: FailureClass[] = [
    'no_first_user',
    'dremio_unreachable',
    'dremio_failing',
    'dremio_throttling',
    'malformed_answer',
    'wrong_product',
    'tls_not_trusted',
  ];
  const unhelpful = PROBE_OUTCOMES.filter((outcome) => outcome !== 'refused');
  const failure = (kind: FailureClass, retryAfterMs?: number): LoginResult => ({
    ok: false,
    failure: { class: kind, message: `simulated ${kind}`, retryAfterMs },
  });
  const pick = <T>(choices: readonly T[], random: () => number): T =>
    choices[Math.floor(random() * choices.length)] as T;

  it('R3: bridges 1,000 outages of up to 5 h 50 min without a second without a valid token', () => {
    const longest = 5 * HOUR + 50 * MINUTE;
    let met = 0;
    for (let seed = 1; seed <= 1000; seed++) {
      const random = seededRandom(seed);
      let from = Number.POSITIVE_INFINITY;
      let to = Number.POSITIVE_INFINITY;
      const down = (now: number) => now >= from && now < to;
      // One kind of trouble, or one after the other; probes may get through some of the time.
      const kinds = random() < 0.5 ? [pick(troubles, random)] : troubles;
      const answered = random() < 0.3 ? random() : 0;
      const world = new World({
        lifeMs: 30 * HOUR,
        random,
        login: (now) =>
          down(now)
            ? failure(pick(kinds, random), random() < 0.2 ? random() * HOUR : undefined)
            : undefined,
        probe: (now) => (down(now) && random() >= answered ? pick(unhelpful, random) : undefined),
      });
      world.run(HOUR);
      // Every fourth begins with a renewal, the worst moment; most others shortly before one, the rest anywhere.
      const renewal = world.state.inFile?.refreshAt ?? 0;
      const worst = seed % 4 === 0;
      const early = random() < 0.7 ? random() * 30 * MINUTE : (random() - 1.5) * 20 * HOUR;
      from = worst ? renewal : Math.max(world.now, Math.floor(renewal - early));
      to = from + Math.ceil(worst || random() < 0.5 ? longest : longest * random());
      world.runUntil(to + 5 * MINUTE);
      if (world.logins.some(({ ok }) => !ok)) {
        met++;
        assert.ok(world.logins.at(-1)?.ok, `seed ${seed}: a login 5 min after the return at last`);
      }
      world.run(7 * HOUR);
      assert.deepEqual(world.gaps, [], `seed ${seed}`);
    }
    assert.ok(met > 600, `only ${met} outages met a login`);
  });

  it('R4: after the first minutes of an outage tries at most 16 times an hour', () => {
    for (const chance of [0, 0.5, 0.999]) {
      const world = new World({
        lifeMs: 30 * HOUR,
        random: () => chance,
        login: () => fails('dremio_unreachable'),
      });
      world.run(2 * HOUR);
      const second = world.logins.filter(({ at }) => at >= START + HOUR).length;
      assert.ok(second <= 16, `${second} tries`);
    }
  });

  it('R4: tries as seldom when logins alone get no answer and probes do', () => {
    const due = START + 25 * HOUR;
    const world = new World({
      lifeMs: 30 * HOUR,
      login: (now) => (now > START + HOUR ? fails('dremio_unreachable') : undefined),
    });
    world.runUntil(due + HOUR);
    const tries = world.logins.filter(({ at }) => at >= due).length;
    assert.ok(tries >= 12 && tries <= 16, `${tries} tries`);
  });

  it('R5: sends a wrong password at most 27 times in 24 h, and a corrected one within a tick', () => {
    const world = new World({
      lifeMs: 30 * HOUR,
      login: (): ReturnType<typeof fails> | undefined =>
        world.credentials === 'corrected' ? undefined : fails('credentials_refused'),
    });
    world.run(DAY);
    assert.ok(world.logins.length <= 27, `${world.logins.length} tries`);
    world.credentials = 'corrected';
    world.run(5 * SECOND + 1);
    assert.ok(world.file, 'the corrected password was used at once');
  });

  it('does not forget earlier refusals when another failure comes in between', () => {
    let tries = 0;
    const world = new World({
      lifeMs: 30 * HOUR,
      login: () => fails(++tries % 2 ? 'credentials_refused' : 'dremio_unreachable'),
    });
    world.run(DAY);
    assert.ok(world.logins.length <= 2 * 27, `${world.logins.length} tries`);
  });

  it('R6: replaces a token that Dremio refuses within a tick', () => {
    let dead: string | undefined;
    const world = new World({
      lifeMs: 30 * HOUR,
      probe: (_, token) => (token === dead ? 'refused' : undefined),
    });
    world.run(HOUR);
    dead = world.file?.token;
    const killedAt = world.now;
    world.run(5 * MINUTE + 1);
    assert.deepEqual(
      world.logins.slice(1).map(({ reason, at }) => [reason, at <= killedAt + 5 * MINUTE]),
      [['token_refused', true]],
    );
  });

  for (const outcome of [
    'no_first_user',
    'unreachable',
    'failing',
    'throttled',
    'unexpected',
  ] as ProbeOutcome[])
    it(`R6: never throws a valid token away because a probe says ${outcome}`, () => {
      const world = new World({ lifeMs: 30 * HOUR, probe: () => outcome });
      world.run(20 * HOUR);
      assert.equal(world.logins.length, 1);
    });

  it('logs in at most every 30 s while Dremio refuses each token that it gives', () => {
    const world = new World({ lifeMs: MINUTE, probe: () => 'refused' });
    world.run(10 * MINUTE);
    const pauses = world.logins
      .slice(1)
      .map(({ at }, index) => at - (world.logins[index]?.at ?? 0));
    assert.ok(Math.min(...pauses) >= 30 * SECOND, `${Math.min(...pauses)}`);
  });

  it('answers a hint with a probe at once, and many hints with one every 5 s', () => {
    const world = new World({ lifeMs: 30 * HOUR });
    world.run(HOUR);
    const before = world.probes.length;
    for (let i = 0; i < 100; i++) {
      world.hint();
      world.run(100);
    }
    assert.equal(world.probes.length - before, 2);
  });

  it('R8: retries only the write while the disk is full, and is done within a tick once it is not', () => {
    const to = START + 26 * HOUR;
    const world = new World({
      lifeMs: 30 * HOUR,
      disk: (now) => now < START + HOUR || now >= to,
    });
    world.runUntil(to);
    const old = world.file?.token;
    assert.equal(old, 'token-1');
    world.runUntil(to + 30 * SECOND);
    assert.equal(world.file?.token, 'token-2');
    assert.equal(world.logins.length, 2);
  });

  it('puts back a token file that someone removed, without a login', () => {
    const world = new World({ lifeMs: 30 * HOUR });
    world.run(HOUR);
    world.file = undefined;
    world.run(5 * MINUTE + 1);
    assert.equal((world.file as { token: string } | undefined)?.token, 'token-1');
    assert.equal(world.logins.length, 1);
  });

  it('uses the token of a file that is already there, after probing it', () => {
    const world = new World({ lifeMs: 30 * HOUR });
    const token = { token: 'found', expiresAt: START + 20 * HOUR, modifiedAt: START - 10 * HOUR };
    world.file = token;
    world.run(13 * HOUR);
    assert.equal(world.logins.length, 0);
    assert.equal(world.probes[0], START);
    world.run(HOUR + MINUTE);
    assert.equal(world.logins[0]?.reason, 'due');
  });

  it('takes over a newer token that another refresher wrote to the file', () => {
    const world = new World({ lifeMs: 30 * HOUR });
    world.run(HOUR);
    world.file = { token: 'theirs', expiresAt: world.now + 30 * HOUR, modifiedAt: world.now };
    world.run(24 * HOUR - 30 * MINUTE);
    assert.equal(world.state.inFile?.token, 'theirs');
    assert.equal(world.logins.length, 1);
  });

  const leaps = [HOUR, 30 * HOUR, 3650 * DAY].flatMap((ms) => [ms, -ms]);
  for (const leap of leaps)
    it(`R10: spends at most one extra login on a clock that jumps by ${leap / HOUR} h`, () => {
      // Dremio's own clock does not jump, so it goes on accepting the token.
      const [steady, world] = [0, 1].map(
        () => new World({ lifeMs: 30 * HOUR, probe: () => 'accepted' }),
      ) as [World, World];
      for (const each of [steady, world]) each.run(10 * HOUR);
      world.jump(leap);
      for (const each of [steady, world]) each.run(20 * HOUR);
      assert.ok((world.file?.expiresAt ?? 0) > world.now, 'a living token is in the file');
      for (const each of [steady, world]) each.run(24 * HOUR);
      const [usual, logins] = [steady.logins.length, world.logins.length];
      assert.ok(logins <= usual + 1, `${logins} logins, ${usual} on a steady clock`);
    });

  it('logs in anew when the clock goes back, since the noted end of the token means nothing then', () => {
    const world = new World({ lifeMs: 30 * HOUR });
    world.run(10 * HOUR);
    world.jump(-8 * HOUR);
    world.run(MINUTE);
    assert.deepEqual(
      world.logins.map(({ reason }) => reason),
      ['no_token', 'clock_went_back'],
    );
  });

  it('logs in with changed credentials at once, although the token is still good', () => {
    const world = new World({ lifeMs: 30 * HOUR });
    world.run(HOUR);
    world.credentials = 'second';
    world.run(5 * MINUTE + 1);
    assert.equal(world.logins[1]?.reason, 'credentials_changed');
    world.run(HOUR);
    assert.equal(world.logins.length, 2);
  });
});
