import { it } from 'node:test';
import { MIB, runChildKills } from '../helpers/child-kill-run.ts';
import { judge, summary } from '../helpers/child-kill-verdict.ts';

// SOAK_MINUTES: how long each run measures; SOAK_CHILDREN: how many servers side by side, a run for each number;
// SOAK_SEED: of calls and kills.
const MINUTES = Number(process.env.SOAK_MINUTES ?? '30');
const CHILDREN = (process.env.SOAK_CHILDREN ?? '1,3').split(',').map(Number);
const SEED = Number(process.env.SOAK_SEED ?? Math.floor(Math.random() * 1e6));

for (const children of CHILDREN)
  it(`P1, P2: ${MINUTES} minutes with the official server (${children} side by side), one killed every minute, tokens of a minute: only calls in a killed one fail, and nothing is left over`, async (context) => {
    context.diagnostic(`SOAK_SEED=${SEED}`);
    const run = await runChildKills({
      durationMs: MINUTES * 60_000,
      warmUpMs: 60_000,
      killEveryMs: 60_000,
      tokenLifeMs: 60_000,
      children,
      seed: SEED,
      memoryGrowth: 20 * MIB,
      // A diagnostic shows when the test has ended; this is long before.
      note: (text) => console.log(`${new Date().toISOString()} ${text}`),
    });
    for (const line of summary(run)) context.diagnostic(line);
    judge(run);
  });
