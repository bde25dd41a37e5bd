import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkKilled, checkStopped, MOMENTS, startLives } from '../fixtures/refresher/lives.ts';
import { AUDIT_EVENTS, auditTrail } from '../fixtures/refresher/log-schema.ts';
import { liveThrough } from '../fixtures/refresher/troubled-life.ts';

const EVENTS = Number(process.env.EVENTS ?? '10000');
const RESTARTS = Number(process.env.RESTARTS ?? '50');

it(`R11: has no gap and no line out of form in ${EVENTS} events of everything that can happen`, async (context) => {
  // Each happening makes four events or a few more.
  const trail = auditTrail(await liveThrough(Math.ceil(EVENTS / 4)));
  const counts = new Map<string, number>();
  for (const { event } of trail) counts.set(event, (counts.get(event) ?? 0) + 1);
  context.diagnostic(`${trail.length} audit lines: ${JSON.stringify(Object.fromEntries(counts))}`);
  assert.ok(trail.length >= EVENTS, `${trail.length} events`);
  assert.equal(counts.size, Object.keys(AUDIT_EVENTS).length - 2, 'all but those of the process');
});

it(`R11: counts each of ${RESTARTS} runs from "starting", to "stopped" unless it was killed`, async (context) => {
  const lives = await startLives();
  const lines: string[] = [];
  let killed = 0;
  try {
    const moments = Object.keys(MOMENTS);
    for (let n = 0; n < RESTARTS; n++) {
      const signal = Math.random() < 0.5 ? 'SIGKILL' : 'SIGTERM';
      const life = await lives.live(moments[n % moments.length] ?? '', signal);
      await (signal === 'SIGTERM' ? checkStopped : checkKilled)(lives, life);
      if (signal === 'SIGKILL') killed++;
      lines.push(...life.lines);
    }
  } finally {
    await lives.end();
  }
  // As a log collector has them: the lines of all runs one after the other.
  const runs = Map.groupBy(
    lines.filter((line) => line.includes('"audit":true')),
    (line) => /"run":"(\w+)"/.exec(line)?.[1],
  );
  assert.equal(runs.size, RESTARTS);
  let stopped = 0;
  for (const own of runs.values()) if (auditTrail(own).at(-1)?.event === 'stopped') stopped++;
  context.diagnostic(`${lines.length} lines of ${runs.size} runs, ${killed} of them killed`);
  assert.equal(stopped, RESTARTS - killed);
});
