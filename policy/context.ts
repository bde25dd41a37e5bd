import * as pulumi from '@pulumi/pulumi';
import { environmentOf, type RuleContext } from '../infra/rules/index.ts';

/** The stack that the CLI is about to change, as its host tells a policy pack in the environment. */
export function packContext(): RuleContext {
  const stack = pulumi.getStack();
  return {
    stack,
    environment: environmentOf(stack, new pulumi.Config().get('platform')),
    preview: pulumi.runtime.isDryRun(),
  };
}
