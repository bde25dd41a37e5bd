import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runOutages } from '../helpers/outage-runs.ts';
import {
  makeRefresherKit,
  type RefresherKit,
  skipWithoutBaseImage,
} from '../helpers/refresher-kit.ts';
import { SLACK_MS } from '../helpers/refresher-scene.ts';
import { seededRandom } from '../helpers/seeded-random.ts';

/** Nearly all of it is the life of one token: the longer, the longer the outages and the tries meanwhile. */
const MINUTES = Number(process.env.SOAK_MINUTES ?? '10');
const RUNS = Number(process.env.SOAK_OUTAGES ?? '12');
const SEED = Number(process.env.SOAK_SEED ?? Date.now() % 1e6);

describe('the refresher’s container under long outages of Dremio', {
  skip: skipWithoutBaseImage,
}, () => {
  let kit: RefresherKit;
  before(async () => {
    kit = await makeRefresherKit();
  });
  after(async () => {
    await kit?.remove();
  });

  it(`R3: bridges ${RUNS} in ${MINUTES} minutes, and recovers within a tick or at the next try that it has announced (SOAK_SEED=${SEED})`, async (context) => {
    const lifeMs = Math.max(1, MINUTES - 1) * 60_000;
    const results = await runOutages(kit, { runs: RUNS, lifeMs, random: seededRandom(SEED) });
    for (const { kind, outageMs, recoveryMs } of results)
      context.diagnostic(`${kind}: ${outageMs} ms, a new token ${recoveryMs} ms after it`);
    assert.equal(results.length, RUNS);
    assert.deepEqual(
      results.filter(({ withoutTokenMs }) => withoutTokenMs > 0),
      [],
      'the file held a valid token all the time',
    );
    const late = results.filter(
      ({ recoveryMs, tickMs, announcedMs }) =>
        recoveryMs > Math.max(tickMs, announcedMs) + SLACK_MS,
    );
    assert.deepEqual(late, []);
  });
});
