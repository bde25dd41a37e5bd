import assert from 'node:assert/strict';
import { it } from 'node:test';
import { steadyQueries } from '../helpers/load.ts';
import { deploy, engineName, metricsOf } from '../helpers/stack.ts';

const MINUTES = Number(process.env.SOAK_MINUTES ?? '10');

it(`answers every call for ${MINUTES} minutes while the token changes every minute`, async (context) => {
  const stack = await deploy({ demo: 'true', demoTokenLife: '60' });
  try {
    const { calls, failures } = await steadyQueries(stack, {
      everyMs: 100,
      durationMs: MINUTES * 60_000,
    });
    const metrics = await metricsOf(engineName(stack, 'demo'));
    const tokens = metrics.get('demo_dremio_tokens_seen') ?? 0;
    const expired = metrics.get('demo_dremio_expired_token_requests_total');
    context.diagnostic(
      `${calls} calls, ${failures.length} failed, ${tokens} tokens, ${expired} requests with an expired one`,
    );
    assert.deepEqual(failures.slice(0, 10), []);
    assert.equal(expired, 0);
    assert.ok(tokens >= Math.floor(MINUTES * 0.8), `${tokens} tokens`);
  } finally {
    await stack.remove();
  }
});
