/** Many clients that count their requests alike. CALLS sets how many there are in all. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { callTool, openSession, startBench, textOf } from '../fixtures/proxy/harness.ts';

const CLIENTS = 50;
const CALLS = Number(process.env.CALLS ?? 20_000);

it(`P13: ${CLIENTS} clients with equal ids over ${CALLS} calls: each answer reaches the one who asked`, async () => {
  await using bench = await startBench();
  const client = async (name: number) => {
    const session = await openSession(bench.url);
    for (let id = 0; id < CALLS / CLIENTS; id++) {
      const text = `${name}.${id}`;
      // A little later now and then, so that answers overtake each other.
      const tool = id % 5 ? 'echo' : 'sleep';
      const answer = await callTool(bench.url, session, tool, { text, ms: (name * id) % 7 }, id);
      assert.deepEqual([answer.id, textOf(answer)], [id, text]);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, name) => client(name)));
});
