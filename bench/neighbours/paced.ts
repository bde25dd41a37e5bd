/** Calls at a steady pace, from a process of their own: what a client feels while the proxy is far from its limits. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Target } from '../proxy/client.ts';

export interface PacedOrder {
  readonly target: Target;
  readonly clients: number;
  /** Of all clients together. */
  readonly perSecond: number;
  readonly forMs: number;
}

/** Milliseconds of each call that was answered rightly. */
export interface PacedResult {
  readonly times: readonly number[];
  readonly failed: number;
  readonly firstFailure?: string;
}

const PROCESS = fileURLToPath(new URL('paced-process.ts', import.meta.url));

/** @throws Error when a call failed */
export async function paced(order: PacedOrder): Promise<readonly number[]> {
  const worker = fork(PROCESS, { stdio: 'inherit' });
  const exit = once(worker, 'exit');
  let result: PacedResult | undefined;
  worker.on('message', (message: PacedResult) => {
    result = message;
  });
  worker.send(order);
  await exit;
  if (!result) throw new Error('the process that calls ended without a result');
  const { times, failed, firstFailure } = result;
  if (failed > 0) throw new Error(`${failed} calls failed, the first: ${firstFailure}`);
  return times;
}
