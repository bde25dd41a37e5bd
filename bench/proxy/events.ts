/** What a client of each contender feels besides speed: sessions, memory, a crash of the child, a stop. */
import { quantile } from '../measure.ts';
import type { Contender } from './contender.ts';
import { drain } from './drain.ts';
import { type Recovery, recover } from './recovery.ts';
import { type SessionCost, sessionCost } from './sessions.ts';

export interface Events {
  readonly name: string;
  readonly session: SessionCost;
  /** p95 in milliseconds; NaN when the session was lost. */
  readonly recoveryMs: number;
  readonly lost?: string;
  readonly drained: string;
}

/** @param crashes how often the child is killed, each time in a new process */
export async function events(contender: Contender, crashes: number): Promise<Events> {
  const session = await sessionCost(contender);
  const recoveries: Recovery[] = [];
  while (recoveries.length < crashes) recoveries.push(await recover(contender));
  const lost = recoveries.find((recovery) => 'lost' in recovery);
  const times = recoveries.flatMap((recovery) => ('ms' in recovery ? [recovery.ms] : []));
  return {
    name: contender.name,
    session,
    recoveryMs: lost ? Number.NaN : quantile(times, 0.95),
    ...(lost ?? {}),
    drained: await drain(contender),
  };
}
