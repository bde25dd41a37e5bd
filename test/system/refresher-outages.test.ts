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

/** Renewed after 48 s: all runs together take a little more than a minute. */
const LIFE_MS = 60_000;
const RUNS = 20;
const SEED = Number(process.env.OUTAGES_SEED ?? Date.now() % 1e6);

describe('the refresher’s container under outages of Dremio', {
  skip: skipWithoutBaseImage,
}, () => {
  let kit: RefresherKit;
  before(async () => {
    kit = await makeRefresherKit();
  });
  after(async () => {
    await kit?.remove();
  });

  it(`R3: bridges ${RUNS} that begin just before a renewal, and recovers within a tick (OUTAGES_SEED=${SEED})`, async (context) => {
    const results = await runOutages(kit, {
      runs: RUNS,
      lifeMs: LIFE_MS,
      random: seededRandom(SEED),
    });
    for (const { kind, outageMs, recoveryMs } of results)
      context.diagnostic(`${kind}: ${outageMs} ms, a new token ${recoveryMs} ms after it`);
    assert.equal(results.length, RUNS);
    assert.deepEqual(
      results.filter(({ withoutTokenMs }) => withoutTokenMs > 0),
      [],
      'the file held a valid token all the time',
    );
    assert.deepEqual(
      results.filter(({ recoveryMs, tickMs }) => recoveryMs > tickMs + SLACK_MS),
      [],
      'there was a new token within a tick',
    );
  });
});
