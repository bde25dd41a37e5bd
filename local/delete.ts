/** Deletes resources, those that others need last. */

import { deletionWaves } from './deletion-order.ts';
import { messageOf } from './engine-error.ts';
import { failuresError } from './execute.ts';
import { abortError, type Run } from './run.ts';
import type { StoredResource } from './state.ts';
import type { ResourceFailure } from './types.ts';

/**
 * Deletes them from the engine and from the state. What a replacement left behind goes without a
 * word, as it is a part of that operation.
 * @throws RunnerError after a wave with failures, or when the run was aborted
 */
export async function deleteResources(
  run: Run,
  resources: readonly StoredResource[],
): Promise<void> {
  for (const wave of deletionWaves(resources)) {
    if (run.options.signal?.aborted) throw abortError();
    const failures: ResourceFailure[] = [];
    await Promise.all(
      wave.map(async (stored) => {
        const started = Date.now();
        const { urn } = stored;
        try {
          const replaced = run.state.obsolete.includes(stored);
          const remove = () => run.deleteFromEngine(stored);
          await (replaced ? remove() : run.operate(stored, 'delete', remove));
          run.state.drop(stored);
          run.state.save();
        } catch (error) {
          const message = run.mask.apply(messageOf(error));
          failures.push({ urn, message });
          run.emit({ kind: 'failed', urn, message, durationMs: Date.now() - started });
        }
      }),
    );
    if (failures.length > 0) throw failuresError(failures);
  }
}
