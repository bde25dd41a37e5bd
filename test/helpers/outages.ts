/** Ways in which Dremio, or something before it, can be away: each begins at once and ends when the result is called. */
import type { FaultAnswer } from '../../images/demo-dremio/src/index.ts';
import type { Simulation } from './simulated-refresher.ts';

type Outage = (simulation: Simulation, random: () => number) => Promise<() => Promise<void>>;

/** How long a call hangs in real time before its time-out, which is one of simulated time, ms. */
const HANG_MS = 10;

const answers = (answer: FaultAnswer): Outage => {
  return async ({ demo }) => {
    demo.faults.next('/apiv2/login', { ...answer, times: Number.POSITIVE_INFINITY });
    return async () => demo.faults.clear();
  };
};

const page = '<!doctype html><title>Maintenance</title>';
const FAULTS = {
  'status 500': { status: 500 },
  'status 503': { status: 503, headers: { 'retry-after': '7200' } },
  'status 429': { status: 429, headers: { 'retry-after': '60' } },
  'a web page': { html: page },
  'a web page with status 502': { status: 502, html: page },
  reset: { connection: 'reset' },
} as const satisfies Record<string, FaultAnswer>;

export const outages = {
  async offline({ demo }) {
    await demo.goOffline();
    return () => demo.goOnline();
  },
  ...(Object.fromEntries(
    Object.entries(FAULTS).map(([name, answer]) => [name, answers(answer)]),
  ) as Record<keyof typeof FAULTS, Outage>),
  /** Another of them at each request. */
  async changing({ demo }, random) {
    const kinds = Object.values(FAULTS);
    for (let request = 0; request < 500; request++) {
      const answer = kinds[Math.floor(random() * kinds.length)];
      if (answer) demo.faults.next('/apiv2/login', answer);
    }
    return async () => demo.faults.clear();
  },
  /** Time-outs are of real time; they are cut short here, and the time they stand for passes. */
  async hang(simulation, random) {
    const end = await answers({ connection: 'hang' })(simulation, random);
    const { timeout } = AbortSignal;
    AbortSignal.timeout = (ms) => {
      const controller = new AbortController();
      setTimeout(() => {
        simulation.clock.elapse(ms);
        controller.abort(new DOMException('The operation timed out', 'TimeoutError'));
      }, HANG_MS);
      return controller.signal;
    };
    return async () => {
      AbortSignal.timeout = timeout;
      await end();
    };
  },
} satisfies Record<string, Outage>;

export type OutageKind = keyof typeof outages;
