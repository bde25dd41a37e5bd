/** What a client sees after SIGKILL of the child: how long until a call on the same session succeeds. */
import { setTimeout as delay } from 'node:timers/promises';
import { McpClient } from './client.ts';
import { type Contender, echoChildren, start } from './contender.ts';

const PATIENCE_MS = 5_000;
const PAUSE_MS = 10;

/** The status or the JSON-RPC error code, where there is one. */
const why = (error: unknown) =>
  `lost: ${/Error: (\d{3})|"code":(-\d+)/.exec(String(error))?.slice(1).find(Boolean) ?? 'no answer'}`;

export type Recovery = { readonly ms: number } | { readonly lost: string };

/** A call that is sent at once, and again after each failure. The process is new: no back-off is at work. */
export async function recover(contender: Contender): Promise<Recovery> {
  const started = await start(contender);
  const client = new McpClient(started.target, 1, PATIENCE_MS);
  try {
    const session = await client.open();
    await client.call(session, 'echo', { text: 'before' });
    for (const pid of echoChildren(started.pid)) process.kill(pid, 'SIGKILL');
    const begin = performance.now();
    for (;;) {
      try {
        await client.call(session, 'echo', { text: 'after' });
        return { ms: performance.now() - begin };
      } catch (error) {
        if (performance.now() - begin > PATIENCE_MS) return { lost: why(error) };
      }
      await delay(PAUSE_MS);
    }
  } finally {
    await client.close();
    await started.stop();
  }
}
