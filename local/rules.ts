/** The rules of infra/rules, applied to each resource before it is made. */

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

/** What is wrong with a resource, a sentence each; none when all is well. */
export type CheckRules = (resource: RuledResource) => string[];

interface RulesModule {
  violations(
    resource: RuledResource,
    context: { stack: string; environment: 'dev' | 'prod' },
  ): string[];
}

/** A project without rules/index.ts beside its program has no rules. */
export async function loadRules(programDir: string, stack: string): Promise<CheckRules> {
  const file = join(programDir, 'rules', 'index.ts');
  if (!(await stat(file).catch(() => undefined))?.isFile()) return () => [];
  const module = (await import(pathToFileURL(file).href)) as Partial<RulesModule>;
  const { violations } = module;
  if (violations === undefined) throw new RunnerError(`${file} does not export "violations".`);
  const environment = stack === 'prod' ? 'prod' : 'dev';
  return (resource) => violations(resource, { stack, environment });
}
