/**
 * What a stack must keep, as plain functions over a resource's type, inputs and options: the same for the
 * program's tests, for the runner before it creates anything, and for a policy pack.
 */
import { containerRules, serviceRules } from './containers.ts';
import type { Rule, RuleContext, RuledResource } from './rule.ts';

export type { Rule, RuleContext, RuledResource } from './rule.ts';

export const rules: readonly Rule[] = [...containerRules, ...serviceRules];

/** Everything that is wrong with one resource, a sentence each, naming the resource and the rule. */
export function violations(resource: RuledResource, context: RuleContext): string[] {
  return rules
    .filter(({ types }) => types.includes(resource.type))
    .flatMap(({ id, check }) =>
      check(resource, context).map((problem) => `"${resource.name}": ${problem} [${id}]`),
    );
}
