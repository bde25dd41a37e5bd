import { it } from 'node:test';
import { MIB, runChildKills } from '../helpers/child-kill-run.ts';
import { judge, summary } from '../helpers/child-kill-verdict.ts';

// The short form of test/soak/proxy-real-child.test.ts. More kills in so short a time would be a crash loop.
it('P1, P2: while the official server is killed again and again and tokens end, only calls in a killed one fail, and nothing is left over', async (context) => {
  const run = await runChildKills({
    durationMs: 40_000,
    warmUpMs: 10_000,
    killEveryMs: 12_000,
    tokenLifeMs: 20_000,
    // With another that goes on meanwhile no call depends on how soon a machine under load starts a server.
    children: 2,
    seed: 1,
    memoryGrowth: 40 * MIB,
    note: () => {},
  });
  for (const line of summary(run)) context.diagnostic(line);
  judge(run);
});
