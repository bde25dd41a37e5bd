/** What becomes of a call that runs when the process is told to end. */
import { setTimeout as delay } from 'node:timers/promises';
import { McpClient } from './client.ts';
import { type Contender, start } from './contender.ts';

const CALL_MS = 1_500;
const SIGNAL_AFTER_MS = 300;

/** @returns in words whether the call was answered, and how the process ended */
export async function drain(contender: Contender): Promise<string> {
  const started = await start(contender);
  const client = new McpClient(started.target, 2);
  const session = await client.open();
  const call = client.call(session, 'sleep', { ms: CALL_MS }).then(
    () => 'answered',
    () => 'lost',
  );
  await delay(SIGNAL_AFTER_MS);
  started.process.kill('SIGTERM');
  const outcome = await call;
  const exit = await Promise.race([started.exit, delay(CALL_MS + 5_000, 'none')]);
  await client.close();
  await started.stop();
  return `${outcome}, exit ${exit}`;
}
