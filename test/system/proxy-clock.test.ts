import assert from 'node:assert/strict';
import { it } from 'node:test';
import { systemClock } from '../../images/kit/src/clock.ts';
import {
  callTool,
  openSession,
  post,
  startBench,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';

const DAY_MS = 24 * 3600 * 1000;

it('fault 28: a clock that jumps a day on and back ends no call, no session that is valid, and no server', async () => {
  let offset = 0;
  const clock = { now: () => Date.now() + offset, sleep: systemClock.sleep };
  await using bench = await startBench({ clock, token: 'token-of-a-minute' });
  const session = await openSession(bench.url);
  const pid = async () =>
    JSON.parse(textOf(await callTool(bench.url, session, 'environment'))).pid as number;
  const expired = async () => (await bench.ready()).codes.includes('token_expired');
  const first = await pid();
  const call = callTool(bench.url, session, 'wait');
  await until(async () => /in_flight 1\b/.test(await bench.metrics()));
  for (const jump of [DAY_MS, 0, -DAY_MS, 0, -400 * DAY_MS, DAY_MS, 0]) {
    offset = jump;
    await until(async () => (await expired()) === jump > 0);
    assert.equal(await pid(), first, `served by the same server after ${jump} ms`);
  }
  await callTool(bench.url, session, 'go');
  assert.equal(textOf(await call), 'went');

  // Times of starts that lie in the future count for nothing.
  for (const jump of [DAY_MS, 0, -DAY_MS, 0]) {
    const before = await pid();
    offset = jump;
    await callTool(bench.url, session, 'die');
    await until(async () => (await pid().catch(() => before)) !== before, 10_000);
  }
  offset = 8 * DAY_MS;
  const headers = { 'mcp-session-id': session };
  assert.equal((await post(bench.url, toolCall('echo'), headers)).status, 404, 'its life is over');
  const next = await openSession(bench.url);
  assert.equal(textOf(await callTool(bench.url, next, 'echo', { text: 'x' })), 'x');
});
