/** A proxy that is told to stop while names still lead to it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { systemClock } from '../../images/kit/src/clock.ts';
import {
  callTool,
  HEADERS,
  openSession,
  post,
  startBench,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';

/** Seconds, each another number, so that a pause tells what it is. */
const [STOP_DELAY, DRAIN_TIMEOUT] = [37, 41];

/** The system's clock, but that the two pauses are over when the test says so. */
function heldClock() {
  const delay = Promise.withResolvers<void>();
  const drain = Promise.withResolvers<void>();
  const held = new Map([
    [STOP_DELAY * 1000, delay.promise],
    [DRAIN_TIMEOUT * 1000, drain.promise],
  ]);
  const sleep = (ms: number, signal?: AbortSignal) => held.get(ms) ?? systemClock.sleep(ms, signal);
  return {
    clock: { now: systemClock.now, sleep },
    endDelay: delay.resolve,
    endDrain: drain.resolve,
  };
}

it('a proxy with STOP_DELAY is not ready at once, takes new work until the delay is over, and drains then', async (t) => {
  const { clock, endDelay, endDrain } = heldClock();
  const env = { STOP_DELAY: `${STOP_DELAY}`, DRAIN_TIMEOUT: `${DRAIN_TIMEOUT}` };
  const bench = await startBench({ clock, env });
  t.after(async () => {
    endDelay();
    endDrain();
    await bench[Symbol.asyncDispose]();
  });
  const early = await openSession(bench.url);
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  const pinged = () => post(bench.url, ping, { 'mcp-session-id': early });
  assert.notEqual((await pinged()).headers.get('connection'), 'close');
  const call = callTool(bench.url, early, 'wait');
  const inFlight = async () => /in_flight 1\b/.test(await bench.metrics());
  await until(inFlight);
  const stopped = bench.proxy.stop();
  assert.ok((await bench.ready()).codes.includes('draining'));

  const late = await openSession(bench.url);
  assert.equal(textOf(await callTool(bench.url, late, 'echo', { text: 'new' })), 'new');
  const stream = await fetch(bench.url, { headers: { ...HEADERS, 'mcp-session-id': late } });
  for (const { status, headers } of [await pinged(), stream])
    assert.deepEqual([status, headers.get('connection')], [200, 'close']);

  endDelay();
  await until(async () => {
    const response = await post(bench.url, toolCall('echo'), { 'mcp-session-id': late });
    await response.text();
    return response.status === 503 && response.headers.get('retry-after') === '2';
  });
  assert.ok(await inFlight(), 'what it took before goes on');
  endDrain();
  assert.match((await call).error?.message ?? '', /is being stopped/);
  await stopped;
  await assert.rejects(pinged());
});
