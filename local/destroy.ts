import { assertOwner, closeState } from './claim.ts';
import { deleteResources } from './delete.ts';
import { acquireLock } from './lock.ts';
import { Run } from './run.ts';
import { State, type StoredResource } from './state.ts';
import type { DestroyOptions, Summary } from './types.ts';

/**
 * Deletes what `up` made, from the state alone. Resources with `protect` or `retainOnDelete` stay,
 * and are said, unless `deleteData`. Images stay, as with the provider.
 */
export async function destroy(options: DestroyOptions): Promise<Summary> {
  const { stateDir, passphrase } = options;
  await assertOwner(stateDir, 'local');
  if ((await State.read(stateDir, passphrase)) === undefined) {
    return { create: 0, same: 0, update: 0, replace: 0, delete: 0, durationMs: 0 };
  }
  const lock = await acquireLock(stateDir);
  try {
    const state = await State.read(stateDir, passphrase);
    return state === undefined
      ? { create: 0, same: 0, update: 0, replace: 0, delete: 0, durationMs: 0 }
      : await takeDown(options, state);
  } finally {
    await lock.release();
  }
}

async function takeDown(options: DestroyOptions, state: State): Promise<Summary> {
  const run = new Run(options, state);
  const isKept = (stored: StoredResource) =>
    !options.deleteData && (stored.protect || stored.retainOnDelete);
  const all = [...state.resources.values()];
  state.outputs = {};
  try {
    const doomed = all.filter((stored) => !isKept(stored));
    await deleteResources(run, [...doomed, ...state.obsolete]);
    for (const stored of all.filter(isKept)) {
      const message =
        `Kept ${stored.type.split(':').at(-1)} "${stored.name}"${stored.id === undefined ? '' : ` (${stored.id})`}: ` +
        'the program protects it. Delete it with: npm run down -- --delete-data';
      run.emit({ kind: 'message', severity: 'info', message });
    }
  } finally {
    await closeState(state, options.stateDir);
  }
  return run.summary();
}
