/** The rules of infra/rules as policies of Pulumi: one of the same name for each rule. */
import type {
  Policies,
  PolicyResource,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from '@pulumi/policy';
import {
  problemsOf,
  type Rule,
  type RuleContext,
  type RuledResource,
  rules,
  type StackRule,
  stackProblemsOf,
  stackRules,
} from '../infra/rules/index.ts';
import { known } from './known.ts';

export const policiesFor = (context: RuleContext): Policies => [
  ...rules.map((rule) => resourcePolicy(rule, context)),
  ...stackRules.map((rule) => stackPolicy(rule, context)),
];

/** Of what a preview only warns the program itself does, once for all resources. */
const stated = (
  { id, says, previewWarns = false }: Rule | StackRule,
  { preview }: RuleContext,
) => ({
  name: id,
  description: says,
  enforcementLevel:
    previewWarns && preview === true ? ('disabled' as const) : ('mandatory' as const),
});

const resourcePolicy = (rule: Rule, context: RuleContext): ResourceValidationPolicy => ({
  ...stated(rule, context),
  validateResource: (args, report) => {
    if (!rule.types.includes(args.type)) return;
    for (const problem of problemsOf(rule, ruled(args), context))
      report(`"${args.name}": ${problem}`);
  },
});

const stackPolicy = (rule: StackRule, context: RuleContext): StackValidationPolicy => ({
  ...stated(rule, context),
  validateStack: ({ resources }, report) => {
    for (const problem of stackProblemsOf(rule, resources.map(ruled), context)) report(problem);
  },
});

/** The CLI does not tell a pack of `retainOnDelete` (pulumi/pulumi:proto/pulumi/analyzer.proto). */
const ruled = ({
  type,
  name,
  props,
  opts: { protect },
}: ResourceValidationArgs | PolicyResource): RuledResource => ({
  type,
  name,
  inputs: known(props),
  options: { protect },
});
