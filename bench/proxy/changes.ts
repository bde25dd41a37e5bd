/** Calls while the token is replaced and the child recycled, again and again. */

import { start } from './contender.ts';
import type { QuickDremio } from './dremio.ts';
import { type LoadResult, load } from './load.ts';
import type { OurProxy } from './ours.ts';
import { CALLS_PER_CHANGE, CHANGES } from './parameters.ts';

const CALLERS = 16;
/** So many calls to one that asks Dremio, with the token of the moment. */
const ASK_EVERY = 4;

/**
 * As many rotations as recyclings, in steps of so many calls. Dremio refuses the old token as soon as the new one is
 * in the file.
 */
export async function changes(proxy: OurProxy, dremio: QuickDremio): Promise<LoadResult> {
  let made = 0;
  const rotate = async () => {
    const token = `token-${++made}`;
    await proxy.writeToken(token);
    dremio.token = token;
  };
  await rotate();
  const started = await start(proxy.contender, { CHILD_MAX_CALLS: String(CALLS_PER_CHANGE) });
  const order = {
    target: started.target,
    callers: CALLERS,
    calls: CHANGES * CALLS_PER_CHANGE,
    askEvery: ASK_EVERY,
    tellEvery: CALLS_PER_CHANGE,
  };
  let rotations = Promise.resolve();
  const result = await load(order, () => {
    rotations = rotations.then(rotate);
  });
  await rotations;
  await started.stop();
  dremio.token = undefined;
  return result;
}
