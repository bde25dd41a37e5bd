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

export interface PacedResult {
  /** Milliseconds of each call; without end for one that failed. */
  readonly times: readonly number[];
  readonly firstFailure?: string;
}

const PROCESS = fileURLToPath(new URL('paced-process.ts', import.meta.url));

/** @returns milliseconds of each call; `Infinity` for one that failed */
export async function paced(order: PacedOrder): Promise<readonly number[]> {
  const worker = fork(PROCESS, { stdio: 'inherit', serialization: 'advanced' });
  const exit = once(worker, 'exit');
  let result: PacedResult | undefined;
  worker.on('message', (message: PacedResult) => {
    result = message;
  });
  worker.send(order);
  await exit;
  if (!result) throw new Error('the process that calls ended without a result');
  if (result.firstFailure !== undefined) console.log(`a call failed: ${result.firstFailure}`);
  return result.times;
}
