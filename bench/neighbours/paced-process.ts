/** The process that calls at a steady pace: takes one order from its parent, sends the result and ends. */
import { setTimeout as delay } from 'node:timers/promises';
import { McpClient } from '../proxy/client.ts';
import type { PacedOrder, PacedResult } from './paced.ts';

/** Time before the measurement that only warms what is measured. */
const WARM_MS = 1_500;

async function run({ target, clients, perSecond, forMs }: PacedOrder): Promise<PacedResult> {
  const client = new McpClient(target, clients);
  const sessions = await Promise.all(Array.from({ length: clients }, () => client.open()));
  const everyMs = (clients / perSecond) * 1000;
  const start = performance.now();
  const begin = start + WARM_MS;
  const end = begin + forMs;
  const times: number[] = [];
  let firstFailure: string | undefined;

  const caller = async (session: string | undefined, index: number) => {
    for (let due = start + (everyMs * index) / clients; due < end; due += everyMs) {
      const early = due - performance.now();
      if (early > 0) await delay(early);
      // A call that waits for the one before it is late from when it was due; a late timer is not the proxy's.
      const from = early > 0 ? performance.now() : due;
      const text = `hello ${index} ${due}`;
      try {
        const heard = await client.call(session, 'echo', { text });
        if (heard !== text) throw new Error(`said ${text}, heard ${heard}`);
        if (due >= begin) times.push(performance.now() - from);
      } catch (error) {
        times.push(Number.POSITIVE_INFINITY);
        firstFailure ??= String(error);
      }
    }
  };
  await Promise.all(sessions.map(caller));
  await client.close();
  return { times, ...(firstFailure === undefined ? {} : { firstFailure }) };
}

process.once('message', (order: PacedOrder) => {
  void run(order).then((result) => {
    process.send?.(result, () => process.disconnect());
  });
});
