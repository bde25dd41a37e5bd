/** Load from a process of its own, so that measuring takes no time of what reads the audit and serves as Dremio. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Target } from './client.ts';

/** What the load process is asked to do. */
export interface LoadOrder {
  readonly target: Target;
  readonly callers: number;
  /** So many calls altogether, or calls for so long. */
  readonly calls?: number;
  readonly forMs?: number;
  /** Every so many calls, one asks Dremio; never when left out. */
  readonly askEvery?: number;
  /** Tells each time so many calls are done. */
  readonly tellEvery?: number;
}

/** Latencies in milliseconds, of answered calls alone. */
export interface LoadResult {
  readonly calls: number;
  readonly failed: number;
  readonly firstFailure?: string;
  readonly seconds: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export type LoadNews = { readonly done: number } | { readonly result: LoadResult };

/** Pauses of what measures are not what is measured. */
const FEW_PAUSES = ['--max-semi-space-size=64'];
const PROCESS = fileURLToPath(new URL('load-process.ts', import.meta.url));

/** Runs one order to its end. */
export async function load(order: LoadOrder, onTold?: () => void): Promise<LoadResult> {
  const worker = fork(PROCESS, { stdio: 'inherit', execArgv: FEW_PAUSES });
  const exit = once(worker, 'exit');
  let result: LoadResult | undefined;
  worker.on('message', (news: LoadNews) => {
    if ('result' in news) result = news.result;
    else onTold?.();
  });
  worker.send(order);
  await exit;
  if (!result) throw new Error('the load process ended without a result');
  return result;
}
