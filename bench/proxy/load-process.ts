/** The process that calls: takes one order from its parent, sends the result and ends. */
import { quantile } from '../measure.ts';
import { McpClient } from './client.ts';
import type { LoadNews, LoadOrder, LoadResult } from './load.ts';

/** Time before the measurement that only warms: this process, above all. */
const WARM_MS = 2_000;

const tell = (news: LoadNews) => process.send?.(news);

async function run(order: LoadOrder): Promise<LoadResult> {
  const { target, callers, calls = Infinity, forMs = Infinity, askEvery, tellEvery } = order;
  const client = new McpClient(target, callers);
  const sessions = await Promise.all(Array.from({ length: callers }, () => client.open()));
  const warmMs = forMs === Infinity ? 0 : WARM_MS;
  const begin = performance.now() + warmMs;
  const end = begin + forMs;
  const times: number[] = [];
  let [sent, done, failed, last] = [0, 0, 0, begin];
  let firstFailure: string | undefined;

  const one = async (session: string | undefined, number: number): Promise<void> => {
    if (askEvery !== undefined && number % askEvery === 0) {
      const answer = JSON.parse(await client.call(session, 'ask', {}));
      if (answer.through[0].status !== 200) throw new Error(JSON.stringify(answer));
      return;
    }
    const text = `hello ${number}`;
    const heard = await client.call(session, 'echo', { text });
    if (heard !== text) throw new Error(`said ${text}, heard ${heard}`);
  };
  const caller = async (session: string | undefined) => {
    while (sent < calls && performance.now() < end) {
      const number = ++sent;
      const start = performance.now();
      let failure: string | undefined;
      await one(session, number).catch((error: unknown) => {
        failure = String(error);
      });
      const now = performance.now();
      if (tellEvery !== undefined && ++done % tellEvery === 0) tell({ done });
      if (now < begin) continue;
      last = now;
      if (failure === undefined) times.push(now - start);
      else failed++;
      firstFailure ??= failure;
    }
  };
  await Promise.all(sessions.map(caller));
  await Promise.all(sessions.map((session) => client.end(session).catch(() => {})));
  await client.close();
  return {
    calls: times.length,
    failed,
    ...(firstFailure === undefined ? {} : { firstFailure }),
    seconds: (last - begin) / 1000,
    p50: quantile(times, 0.5),
    p95: quantile(times, 0.95),
    p99: quantile(times, 0.99),
  };
}

process.once('message', (order: LoadOrder) => {
  void run(order).then((result) => {
    tell({ result });
    process.disconnect();
  });
});
