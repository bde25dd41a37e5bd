import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  checkStopped,
  MOMENTS,
  PROMISED_STOP_MS,
  startLives,
} from '../fixtures/refresher/lives.ts';
import { auditTrail } from '../fixtures/refresher/log-schema.ts';

const LIVES = 50;

it(`R12, R11: the refresher ends in order on SIGTERM at ${LIVES} random moments, with a record of each run`, async (context) => {
  const lives = await startLives();
  const runs = new Set<string>();
  let longestMs = 0;
  try {
    const moments = Object.keys(MOMENTS);
    for (let n = 0; n < LIVES; n++) {
      const life = await lives.live(moments[n % moments.length] ?? '', 'SIGTERM');
      assert.ok(life.stopMs < PROMISED_STOP_MS, `took ${life.stopMs} ms`);
      await checkStopped(lives, life);
      longestMs = Math.max(longestMs, life.stopMs);
      runs.add(auditTrail(life.lines)[0]?.run ?? '');
    }
  } finally {
    await lives.end();
  }
  assert.equal(runs.size, LIVES);
  context.diagnostic(`the longest stop took ${Math.round(longestMs)} ms`);
});
