/**
 * What a stack must keep, as plain functions over a resource's type, inputs and options: the same for the
 * program's tests, for the runner before it creates anything, and for the policy pack.
 */
import { confinementOf } from './confinement.ts';
import { containerRules } from './containers.ts';
import { environmentRules } from './environment.ts';
import { isExcepted, platformOf } from './exceptions.ts';
import { imageRules } from './images.ts';
import { networkRules } from './networks.ts';
import { portRules, portStackRules } from './ports.ts';
import { productionRules } from './production.ts';
import type { Rule, RuleContext, RuledResource, StackRule } from './rule.ts';
import { secretRules } from './secrets.ts';
import { serviceRules } from './services.ts';
import { volumeRules, volumeStackRules } from './volumes.ts';

export { passwordProblems } from './passwords.ts';
export {
  type Environment,
  environmentOf,
  type Rule,
  type RuleContext,
  type RuledResource,
  type StackRule,
} from './rule.ts';

/** Of one resource each. */
export const rules: readonly Rule[] = [
  ...containerRules,
  ...serviceRules,
  ...portRules,
  ...imageRules,
  ...environmentRules,
  ...productionRules,
  ...secretRules,
  ...networkRules,
  ...volumeRules,
];

/** Of all resources of a stack together. */
export const stackRules: readonly StackRule[] = [...portStackRules, ...volumeStackRules];

/** What one rule finds wrong with one resource, a sentence each; nothing where it does not apply. */
export function problemsOf(
  rule: Rule,
  resource: RuledResource,
  context: RuleContext,
): readonly string[] {
  if (!rule.types.includes(resource.type) || !applies(rule, context)) return [];
  const platform = platformOf(resource.type);
  if (platform !== undefined && isExcepted(rule.id, platform, confinementOf(resource).component))
    return [];
  return rule.check(resource, context);
}

/** What one rule finds wrong with all resources of a stack together. */
export const stackProblemsOf = (
  rule: StackRule,
  resources: readonly RuledResource[],
  context: RuleContext,
): readonly string[] => (applies(rule, context) ? rule.checkStack(resources, context) : []);

const applies = ({ only }: Rule | StackRule, { environment }: RuleContext) =>
  only === undefined || only === environment;

const onlyWarns = ({ previewWarns = false }: Rule | StackRule, { preview = false }: RuleContext) =>
  previewWarns && preview;

/** Everything that is wrong with one resource, a sentence each, naming the resource and the rule. */
export function violations(resource: RuledResource, context: RuleContext): string[] {
  return rules
    .filter((rule) => !onlyWarns(rule, context))
    .flatMap((rule) =>
      problemsOf(rule, resource, context).map(
        (problem) => `"${resource.name}": ${problem} [${rule.id}]`,
      ),
    );
}

/** Everything that is wrong with a stack as a whole, a sentence each, naming the rule. */
export function stackViolations(
  resources: readonly RuledResource[],
  context: RuleContext,
): string[] {
  return stackRules
    .filter((rule) => !onlyWarns(rule, context))
    .flatMap((rule) =>
      stackProblemsOf(rule, resources, context).map((problem) => `${problem} [${rule.id}]`),
    );
}
