/** Finds out what one registration asks for, without doing it yet. */

import { checkResource, checkRules, ruled } from './check.ts';
import { type Decision, decide, ignoringChanges } from './decide.ts';
import type { Registration } from './registration.ts';
import type { Context, Live, Located, ResourceType } from './resource-type.ts';
import type { Rules } from './rules.ts';
import type { Run } from './run.ts';
import { reveal, secretTexts } from './secret-value.ts';
import type { StoredResource } from './state.ts';

export interface Plan {
  registration: Registration;
  type: ResourceType;
  context: Context;
  stored: StoredResource | undefined;
  live: Live | undefined;
  /** As they shall be, with secrets marked. */
  inputs: Record<string, unknown>;
  facts: Record<string, string>;
  decision: Decision;
}

/** Throws a RunnerError when the resource cannot be made as it is described. */
export async function planResource(
  run: Run,
  registration: Registration,
  programDir: string,
  rules: Rules,
): Promise<Plan> {
  const { urn, options } = registration;
  const given = withoutNulls(registration.inputs);
  run.mask.add(secretTexts(given));
  const type = checkResource(registration, given);
  checkRules(ruled(registration, given), rules);
  const stored = findStored(run, registration);
  const inputs = ignoringChanges(given, stored, options.ignoreChanges);
  const clear = reveal(inputs) as Record<string, unknown>;
  const context = run.context(urn, programDir);
  const facts = (await type.facts?.(context, clear)) ?? {};
  const live =
    stored?.id === undefined ? undefined : await type.look(context, stored as Located, clear);
  const { replaceOnChanges } = options;
  const decision = decide({ type, stored, live, inputs, facts, replaceOnChanges });
  return { registration, type, context, stored, live, inputs, facts, decision };
}

/** The stored resource of this name, or of one of its former names. */
export function findStored(run: Run, { urn, options }: Registration): StoredResource | undefined {
  const known = [urn, ...options.aliases].find((name) => run.state.resources.has(name));
  return known === undefined ? undefined : run.state.resources.get(known);
}

export function withoutNulls(inputs: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(inputs).filter(([, value]) => value !== null && value !== undefined),
  );
}
