/** The limits that the proxy keeps, beside the best of its peers in the same run. */
import type { BigAnswer } from './big.ts';
import type { Events } from './events.ts';
import type { LoadResult } from './load.ts';
import type { Speed } from './throughput.ts';
import type { Demand } from './verdict.ts';

export const JUDGED_AT = 16;

/** @param peers those that others use; the better one is the one with more calls a second */
export function speedDemands(ours: Speed, peers: readonly Speed[], bare: Speed): Demand[] {
  const measured = peers.filter(({ perSecond }) => perSecond > 0);
  const better = measured.toSorted((a, b) => b.perSecond - a.perSecond)[0];
  const unit = '×';
  return [
    {
      what: `calls/s at ${JUDGED_AT} callers, by those of the better peer`,
      value: ours.perSecond / (better?.perSecond ?? Number.NaN),
      unit,
      atLeast: 2.5,
    },
    {
      what: `calls/s at ${JUDGED_AT} callers, by those of the bare bridge`,
      value: ours.perSecond / bare.perSecond,
      unit,
      atLeast: 0.7,
    },
    {
      what: `p99 at ${JUDGED_AT} callers, by the better peer's p50`,
      value: ours.p99 / (better?.p50 ?? Number.NaN),
      unit,
      atMost: 1,
    },
    { what: 'calls that failed under load', value: ours.failed, unit: 'calls', atMost: 0 },
  ];
}

export const eventDemands = ({ session, recoveryMs, drained }: Events): Demand[] => [
  { what: 'a new session is ready, median', value: session.readyMs, unit: 'ms', atMost: 5 },
  { what: `memory with ${session.open} sessions`, value: session.mib, unit: 'MiB', atMost: 100 },
  { what: 'a killed child to an answer, p95', value: recoveryMs, unit: 'ms', atMost: 2_000 },
  {
    what: 'calls lost at SIGTERM',
    value: drained === 'answered, exit 0' ? 0 : 1,
    unit: 'calls',
    atMost: 0,
  },
];

/** What only our own proxy is asked. */
export const ownDemands = (own: {
  growthMib: number;
  growthCalls: number;
  answersMib: number;
  answers: number;
  changed: LoadResult;
  changes: number;
  hopMs: number;
  big: BigAnswer;
}): Demand[] => [
  {
    what: `P16: memory gained by ${own.growthCalls} calls`,
    value: own.growthMib,
    unit: 'MiB',
    atMost: 20,
  },
  {
    what: `P16: memory gained by ${own.answers} answers of 1 MiB`,
    value: own.answersMib,
    unit: 'MiB',
    atMost: 20,
  },
  {
    what: `calls that failed in ${own.changes} rotations and ${own.changes} recyclings`,
    value: own.changed.failed,
    unit: `of ${own.changed.calls}`,
    atMost: 0,
  },
  { what: 'the hop adds to a request, median', value: own.hopMs, unit: 'ms', atMost: 1 },
  {
    what: 'extra memory for a 15 MiB answer, in its sizes',
    value: own.big.sizes,
    unit: '×',
    atMost: 3,
  },
  {
    what: 'p95 of calls beside 15 MiB answers, by the same alone',
    value: own.big.neighbours,
    unit: '×',
    atMost: 1.5,
  },
];
