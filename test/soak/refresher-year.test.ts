import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type OutageKind, outages } from '../helpers/outages.ts';
import { DAY, HOUR, MINUTE } from '../helpers/refresher-world.ts';
import { seededRandom } from '../helpers/seeded-random.ts';
import { simulate } from '../helpers/simulated-refresher.ts';

/** Simulated; a day takes about half a second. */
const DAYS = Number(process.env.SOAK_DAYS ?? '365');
/** Each takes about half a second. */
const OUTAGES = Number(process.env.SOAK_OUTAGES ?? '200');
const SEED = Number(process.env.SOAK_SEED ?? '1');

it(`R1: in ${DAYS} days of real requests logs in once a day, and 5 h 54 min of life remain at least`, async (context) => {
  await using it = await simulate({ random: seededRandom(SEED) });
  await it.clock.advance(DAYS * DAY);
  const { issued } = it.demo.tokens;
  context.diagnostic(
    `${issued} logins, ${it.demo.requests.total} requests, at least ${(it.leastLife / HOUR).toFixed(2)} h of life`,
  );
  // A renewal comes up to 18 min early.
  assert.ok(issued >= DAYS && issued <= Math.ceil((DAYS * 24) / 23.7) + 1, `${issued} logins`);
  assert.ok(it.leastLife >= 5.9 * HOUR);
  assert.deepEqual(it.gaps, []);
});

it(`R3: bridges ${OUTAGES} outages of up to 5 h 50 min, from the moment when a renewal is due`, async (context) => {
  const random = seededRandom(SEED);
  const kinds = Object.keys(outages) as OutageKind[];
  await using it = await simulate({ settings: { CHECK_INTERVAL: '3600' }, random });
  const { clock, demo, events } = it;
  let slowest = 0;
  for (let outage = 0; outage < OUTAGES; outage++) {
    const kind = kinds[Math.floor(random() * kinds.length)] as OutageKind;
    await clock.settled();
    const due = Date.parse(String(events('token_written').at(-1)?.refresh_at));
    await clock.advance(due - clock.now() - 1);
    const { issued } = demo.tokens;
    const end = await outages[kind](it, random);
    const longest = 5 * HOUR + 50 * MINUTE;
    await clock.advance(Math.ceil(random() < 0.5 ? longest : longest * random()));
    await end();
    const back = clock.now();
    await clock.advanceUntil(() => demo.tokens.issued > issued, 5 * MINUTE);
    slowest = Math.max(slowest, clock.now() - back);
    assert.deepEqual(it.gaps, [], `outage ${outage}: ${kind}`);
  }
  context.diagnostic(`a new token at most ${slowest / 1000} s after the return`);
});
