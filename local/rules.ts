/** The rules of infra/rules, applied to the whole stack and to each resource before anything is made. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { RunnerError } from './errors.ts';

export interface RuledResource {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
  options: { protect?: boolean; retainOnDelete?: boolean };
}

export interface RuleContext {
  stack: string;
  /** A stack of Swarm services is production, whatever its name. */
  environment: 'dev' | 'prod';
  /** What is asked is what would be made. */
  preview?: boolean;
}

/** What is wrong, a sentence each; none when all is well. */
export interface Rules {
  resource(resource: RuledResource): string[];
  stack(resources: readonly RuledResource[]): string[];
}

interface RulesModule {
  violations(resource: RuledResource, context: RuleContext): string[];
  /** Left out where no rule is about several resources. */
  stackViolations?(resources: readonly RuledResource[], context: RuleContext): string[];
}

/** A project without rules/index.ts beside its program has no rules. */
export async function loadRules(programDir: string, context: RuleContext): Promise<Rules> {
  const file = join(programDir, 'rules', 'index.ts');
  if (!(await stat(file).catch(() => undefined))?.isFile()) {
    return { resource: () => [], stack: () => [] };
  }
  const module = (await import(pathToFileURL(file).href)) as Partial<RulesModule>;
  const { violations, stackViolations } = module;
  if (violations === undefined) throw new RunnerError(`${file} does not export "violations".`);
  return {
    resource: (resource) => violations(resource, context),
    stack: (resources) => stackViolations?.(resources, context) ?? [],
  };
}
