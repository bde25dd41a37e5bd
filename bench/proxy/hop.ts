/** What the hop adds to a request to Dremio: the same request through it and straight, in turns. */
import { McpClient } from './client.ts';
import { start } from './contender.ts';
import type { QuickDremio } from './dremio.ts';
import type { OurProxy } from './ours.ts';
import { median } from './throughput.ts';

const WARM = 200;
const TURNS = 1_000;

interface Asked {
  readonly through: readonly { ms: number; status: number }[];
  readonly straight: readonly { ms: number }[];
}

/** @returns milliseconds between the two medians */
export async function hop(proxy: OurProxy, dremio: QuickDremio): Promise<number> {
  await proxy.writeToken('token-of-the-hop');
  const started = await start(proxy.contender);
  const client = new McpClient(started.target, 1);
  const session = await client.open();
  const ask = async (times: number) =>
    JSON.parse(await client.call(session, 'ask', { times, direct: dremio.url })) as Asked;
  await ask(WARM);
  const { through, straight } = await ask(TURNS);
  await client.close();
  await started.stop();
  const wrong = through.find(({ status }) => status !== 200);
  if (wrong) throw new Error(`the hop answered ${wrong.status}; expected 200`);
  return median(through.map(({ ms }) => ms)) - median(straight.map(({ ms }) => ms));
}
