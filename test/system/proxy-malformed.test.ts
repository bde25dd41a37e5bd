import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openSession, startBench } from '../fixtures/proxy/harness.ts';
import { tryMalformed } from '../fixtures/proxy/malformed.ts';

it('P10: 400 malformed requests get one answer each, of the right kind, and none reaches the server', async () => {
  await using bench = await startBench();
  const session = await openSession(bench.url);
  const seed = Date.now() % 1e9;
  const wrong = await tryMalformed({ port: bench.proxy.port, session, seed }, 400);
  assert.deepEqual(wrong, [], `with seed ${seed}`);
  const bad = bench.log.filter(({ audit, event }) => audit || event === 'request_failed');
  assert.deepEqual(bad, []);
  const metrics = await bench.metrics();
  assert.doesNotMatch(metrics, /^lakehouse_proxy_calls_total/m);
  assert.doesNotMatch(metrics, /http_responses_total\S*status="5/);
});
