import { answer } from './apply.ts';
import { assertOwner } from './claim.ts';
import { execute } from './execute.ts';
import { planResource } from './plan.ts';
import { rehearse } from './rehearse.ts';
import { Run } from './run.ts';
import { reveal } from './secret-value.ts';
import type { StoredResource } from './state.ts';
import type { PlannedChange, PreviewResult, RunnerOptions } from './types.ts';
import { openState, readStack } from './up.ts';

/** Types whose replacement takes the containers that use them along. */
const takesContainersAlong = /docker:index\/(network:Network|volume:Volume)::/;

/**
 * What `up` would do; changes nothing on the engine or in the state. Best effort: what depends on
 * a value that only `up` can know is shown as a change.
 */
export async function preview(options: RunnerOptions): Promise<PreviewResult> {
  const { project, config } = await readStack(options);
  await assertOwner(options.stateDir, 'local');
  const state = await openState(options, project, config);
  const run = new Run(options, state);
  run.mask.add(config.secretKeys.map((key) => config.values[key] ?? ''));
  const { rules } = await rehearse(options, state, project, config, 'preview');
  const changes: PlannedChange[] = [];
  const kept = new Set<string>();
  const { registered } = await execute(run, {
    project,
    config,
    preview: true,
    handle: async (registration) => {
      const plan = await planResource(run, registration, project.programDir, rules);
      if (plan.stored !== undefined) kept.add(plan.stored.urn);
      const { urn, dependencies } = registration;
      const replaced = changes.find(
        (change) =>
          change.operation === 'replace' &&
          dependencies.includes(change.urn) &&
          takesContainersAlong.test(change.urn),
      );
      const operation =
        plan.decision.operation === 'same' && replaced !== undefined
          ? 'replace'
          : plan.decision.operation;
      await run.operate(registration, operation, async () => {});
      if (operation !== 'same') {
        const reason =
          plan.decision.operation === operation
            ? plan.decision.reason
            : 'a network or volume that it uses is replaced';
        changes.push({ urn, operation, reason });
      }
      const known = plan.stored !== undefined && (operation === 'same' || operation === 'update');
      if (known) return answer(plan.stored as StoredResource);
      const foreseen = plan.type.foreseen?.(reveal(plan.inputs) as typeof plan.inputs);
      return { state: { ...foreseen, ...plan.inputs } };
    },
  });
  const left = [...state.resources.values()].filter(
    ({ urn }) => !registered.has(urn) && !kept.has(urn),
  );
  for (const stored of left) {
    await run.operate(stored, 'delete', async () => {});
    changes.push({ urn: stored.urn, operation: 'delete', reason: 'it left the program' });
  }
  return { summary: run.summary(), changes };
}
