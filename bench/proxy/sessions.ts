/** What a session costs: the time until it is ready, and the memory of many; and whether memory grows with calls. */
import { MIB, residentBytes } from '../measure.ts';
import { McpClient } from './client.ts';
import { type Contender, start } from './contender.ts';
import { load } from './load.ts';
import { GROWTH_ANSWERS, GROWTH_CALLS, SESSIONS } from './parameters.ts';
import { median } from './throughput.ts';

/** As many children as a machine of two cores carries. */
const MOST_CHILDREN = 20;
const GROWTH_CALLERS = 16;
const ANSWERS_AT_ONCE = 4;

export interface SessionCost {
  /** From the first byte of `initialize` to the answer to `notifications/initialized`, at the median. */
  readonly readyMs: number;
  readonly open: number;
  /** Of the process that listens, without its children. */
  readonly mib: number;
}

/** Opens sessions one after another and keeps them. */
export async function sessionCost(contender: Contender): Promise<SessionCost> {
  const started = await start(contender);
  const client = new McpClient(started.target, 1);
  const times: number[] = [];
  const count = contender.childPerSession ? Math.min(MOST_CHILDREN, SESSIONS) : SESSIONS;
  if (contender.sessions)
    while (times.length < count) {
      const begin = performance.now();
      await client.open();
      times.push(performance.now() - begin);
    }
  const mib = residentBytes(started.pid) / MIB;
  await client.close();
  await started.stop();
  return { readyMs: median(times), open: times.length, mib };
}

/** P16: how many MiB the process gains with calls, after a tenth of them has warmed it. */
export async function growth(contender: Contender): Promise<number> {
  const started = await start(contender);
  const order = { target: started.target, callers: GROWTH_CALLERS };
  await load({ ...order, calls: GROWTH_CALLS / 10 });
  const before = residentBytes(started.pid);
  const { failed, firstFailure } = await load({ ...order, calls: GROWTH_CALLS });
  if (failed > 0) throw new Error(`${failed} calls failed, first: ${firstFailure}`);
  const grown = (residentBytes(started.pid) - before) / MIB;
  await started.stop();
  return grown;
}

/**
 * P16: how many MiB the process gains with answers of 1 MiB, after a tenth of them has warmed it. The lowest memory
 * of three tenths beside that of three later ones: what has been answered and is yet to be collected is no growth.
 */
export async function growthByAnswers(contender: Contender): Promise<number> {
  const started = await start(contender);
  const client = new McpClient(started.target, ANSWERS_AT_ONCE);
  const tenths = async (count: number) => {
    let left = (count * GROWTH_ANSWERS) / 10;
    let lowest = Infinity;
    const caller = async () => {
      const session = await client.open();
      while (left-- > 0) {
        const { length } = await client.call(session, 'big', { bytes: MIB });
        if (length !== MIB) throw new Error(`${length} bytes came; expected ${MIB}`);
        lowest = Math.min(lowest, residentBytes(started.pid));
      }
      await client.end(session);
    };
    await Promise.all(Array.from({ length: ANSWERS_AT_ONCE }, caller));
    return lowest;
  };
  await tenths(1);
  // Long enough for several collections, or what they left to be collected would be what is compared.
  const before = await tenths(3);
  await tenths(3);
  const grown = ((await tenths(3)) - before) / MIB;
  await client.close();
  await started.stop();
  return grown;
}
