/** Clients that make trouble, in a process of their own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Target } from '../proxy/client.ts';

/** `deaf` asks for answers of 1 MiB and never reads; `slow` sends its headers or its body a byte a second. */
export type Kind = 'deaf' | 'slow';

export interface TroubleOrder {
  readonly kind: Kind;
  readonly target: Target;
  readonly connections: number;
}

const PROCESS = fileURLToPath(new URL('trouble-process.ts', import.meta.url));

/** Resolves when every connection is open; the trouble lasts until it is disposed of. */
export async function trouble(order: TroubleOrder): Promise<Disposable> {
  const worker = fork(PROCESS, { stdio: 'inherit' });
  worker.send(order);
  await once(worker, 'message');
  return { [Symbol.dispose]: () => worker.kill('SIGKILL') };
}
