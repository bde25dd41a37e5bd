/**
 * Runs the program once without making anything, so that what is wrong with it, or with the stack
 * as a whole, is said before anything is made.
 */

import { checkResource, ruled } from './check.ts';
import type { StackConfig } from './config.ts';
import { RunnerError } from './errors.ts';
import { execute, failuresError } from './execute.ts';
import { findStored, withoutNulls } from './plan.ts';
import type { Project } from './project.ts';
import type { Registered, Registration } from './registration.ts';
import type { ResourceType } from './resource-type.ts';
import { loadRules, type RuledResource, type Rules } from './rules.ts';
import { Run } from './run.ts';
import { reveal, secretTexts } from './secret-value.ts';
import type { State } from './state.ts';
import { assertTrial, serviceType } from './swarm.ts';
import type { EngineEvent, ResourceFailure, RunnerOptions } from './types.ts';

export interface Rehearsal {
  /** Every resource that the program registers, as far as it is known before anything is made. */
  resources: RuledResource[];
  rules: Rules;
}

/**
 * Throws a RunnerError with everything that cannot be made or that breaks a rule.
 *
 * @param purpose a stack that is only previewed need not be called a trial
 */
export async function rehearse(
  options: RunnerOptions,
  state: State,
  project: Project,
  config: StackConfig,
  purpose: 'up' | 'preview',
): Promise<Rehearsal> {
  const said: EngineEvent[] = [];
  const run = new Run({ ...options, onEvent: (event) => void said.push(event) }, state);
  run.mask.add(config.secretKeys.map((key) => config.values[key] ?? ''));
  const seen: { urn: string; resource: RuledResource }[] = [];
  const failures: ResourceFailure[] = [];

  const handle = async (registration: Registration): Promise<Registered> => {
    const given = withoutNulls(registration.inputs);
    run.mask.add(secretTexts(given));
    const stored = findStored(run, registration);
    try {
      const type = checkResource(registration, given);
      seen.push({ urn: registration.urn, resource: ruled(registration, given) });
      const outputs = stored?.complete ? stored.outputs : foreseen(type, given);
      return {
        ...(stored?.id === undefined ? {} : { id: stored.id }),
        state: { ...outputs, ...given },
      };
    } catch (error) {
      if (!(error instanceof RunnerError)) throw error;
      failures.push({ urn: registration.urn, message: run.mask.apply(error.message) });
      return { state: given };
    }
  };

  try {
    await execute(run, { project, config, preview: true, handle });
  } catch (error) {
    // What the program said belongs to why it failed; otherwise the real run says it again.
    for (const event of said) options.onEvent?.(event);
    throw error;
  }
  const resources = seen.map(({ resource }) => resource);
  if (purpose === 'up') assertTrial(resources, options);
  const rules = await loadRules(project.programDir, {
    stack: options.stack,
    environment: isProduction(options.stack, resources, project, config) ? 'prod' : 'dev',
    preview: purpose === 'preview',
  });
  for (const { urn, resource } of seen) {
    const broken = rules.resource(resource);
    const message = run.mask.apply(`It breaks a rule: ${broken.join('; ')}`);
    if (broken.length > 0) failures.push({ urn, message });
  }
  refuse(
    options,
    failures,
    rules.stack(resources).map((broken) => run.mask.apply(broken)),
  );
  return { resources, rules };
}

function foreseen(type: ResourceType, inputs: Record<string, unknown>) {
  return type.foreseen?.(reveal(inputs) as Record<string, unknown>) ?? {};
}

/** As the rules have it: what Swarm runs is production, and so is what is called so. */
function isProduction(
  stack: string,
  resources: readonly RuledResource[],
  project: Project,
  config: StackConfig,
): boolean {
  return (
    stack === 'prod' ||
    config.values[`${project.name}:platform`] === 'swarm' ||
    resources.some(({ type }) => type === serviceType)
  );
}

/** Throws when there is anything to say. */
function refuse(
  options: RunnerOptions,
  failures: readonly ResourceFailure[],
  ofStack: readonly string[],
): void {
  for (const failure of failures) options.onEvent?.({ kind: 'failed', ...failure, durationMs: 0 });
  const lines = [
    ...(failures.length > 0 ? [failuresError(failures).message] : []),
    ...ofStack.map((broken) => `The stack breaks a rule: ${broken}`),
  ];
  if (lines.length > 0) throw new RunnerError(lines.join('\n'), failures);
}
