import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RunnerError } from './errors.ts';
import type { State } from './state.ts';

/** Which engine deploys a stack: this runner, or the Pulumi CLI. */
export type StackEngine = 'local' | 'pulumi';

const fileName = 'engine';

/**
 * Makes a stack's folder and records the engine that owns it. The two keep their own state, so a
 * stack that both deployed would exist twice. Throws a RunnerError when the other engine owns it.
 */
export async function claimStack(stateDir: string, engine: StackEngine): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  try {
    await writeFile(join(stateDir, fileName), `${engine}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    await assertOwner(stateDir, engine);
  }
}

/** Throws a RunnerError when the other engine owns the stack. */
export async function assertOwner(stateDir: string, engine: StackEngine): Promise<void> {
  const owner = await readFile(join(stateDir, fileName), 'utf8').then(
    (text) => text.trim(),
    () => engine,
  );
  if (owner === engine) return;
  throw new RunnerError(
    `The stack in ${stateDir} was made by ${describe(owner)}; ${describe(engine)} cannot go on with it. ` +
      'Use the same engine again, or take the stack down first: npm run down',
  );
}

/** Frees a stack's folder for either engine; for use once nothing of the stack is left. */
export async function releaseStack(stateDir: string): Promise<void> {
  await rm(join(stateDir, fileName), { force: true });
}

function describe(engine: string): string {
  if (engine === 'local') return 'the local runner';
  if (engine === 'pulumi') return 'the Pulumi CLI';
  return `an engine named "${engine}"`;
}

/** Ends work on a stack: its state is kept, or, where nothing is left of it, the folder is free for either engine. */
export async function closeState(state: State, stateDir: string): Promise<void> {
  if (state.isEmpty) {
    state.forget();
    await releaseStack(stateDir);
  } else {
    state.save();
  }
}
