import { assertOwner } from './claim.ts';
import { RunnerError } from './errors.ts';
import { State } from './state.ts';
import type { StackOutput } from './types.ts';

/** The outputs of the last successful `up`. Throws a RunnerError when there was none. */
export async function outputs(options: {
  stateDir: string;
  passphrase: string;
}): Promise<Record<string, StackOutput>> {
  const { stateDir, passphrase } = options;
  await assertOwner(stateDir, 'local');
  const state = await State.read(stateDir, passphrase);
  if (state === undefined) {
    throw new RunnerError(
      `There is no stack in ${stateDir}, so it has no outputs. Make it with: npm run up`,
    );
  }
  return state.clearOutputs();
}
