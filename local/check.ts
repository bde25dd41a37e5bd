/** What a resource must be like before anything is done for it. */

import { RunnerError } from './errors.ts';
import { type Registration, unknownValue } from './registration.ts';
import type { ResourceType } from './resource-type.ts';
import { resourceTypes } from './resources/index.ts';
import type { RuledResource, Rules } from './rules.ts';
import { reveal } from './secret-value.ts';
import { problems, record } from './shape.ts';

/**
 * The kind of a resource whose inputs and options can all be honoured. Throws a RunnerError that
 * names everything that is not so.
 *
 * @param inputs without values that are null
 */
export function checkResource(
  registration: Registration,
  inputs: Readonly<Record<string, unknown>>,
): ResourceType {
  const type = findType(registration.type);
  checkOptions(registration);
  const clear = reveal(inputs) as Record<string, unknown>;
  const wrong = problems(record(type.fields, type.required), clear, '', unknownValue);
  if (wrong.length === 0 && !hasUnknown(clear)) wrong.push(...(type.check?.(clear) ?? []));
  if (wrong.length > 0) throw new RunnerError(`Its inputs cannot be used: ${wrong.join('; ')}.`);
  return type;
}

/** A resource as rules see it: inputs in clear. */
export function ruled(
  { type, name, options }: Registration,
  inputs: Readonly<Record<string, unknown>>,
): RuledResource {
  const { protect, retainOnDelete } = options;
  return {
    type,
    name,
    inputs: reveal(inputs) as Record<string, unknown>,
    options: { protect, retainOnDelete },
  };
}

/** Throws a RunnerError with every rule that a resource breaks. */
export function checkRules(resource: RuledResource, rules: Rules): void {
  const broken = rules.resource(resource);
  if (broken.length > 0) throw new RunnerError(`It breaks a rule: ${broken.join('; ')}`);
}

/** Refuses options that would be ignored, on resources and components alike. */
export function checkOptions({ options }: Registration): void {
  if (options.refused.length > 0) {
    throw new RunnerError(
      `It has options that the local runner cannot honour: ${options.refused.join(', ')}. ` +
        'Deploy this program with the Pulumi CLI: npx pulumi up',
    );
  }
  const paths = [...options.ignoreChanges, ...options.replaceOnChanges].filter(
    (path) => !/^(\*|\w+)$/.test(path),
  );
  if (paths.length > 0) {
    throw new RunnerError(
      `ignoreChanges and replaceOnChanges take whole inputs or "*" here; it has ${paths.join(', ')}.`,
    );
  }
}

function findType(token: string): ResourceType {
  const type = Object.hasOwn(resourceTypes, token) ? resourceTypes[token] : undefined;
  if (type !== undefined) return type;
  if (token.startsWith('pulumi:providers:')) {
    throw new RunnerError(
      'The local runner has no explicit providers. To use another Docker engine set docker:host, ' +
        'or deploy with the Pulumi CLI: npx pulumi up',
    );
  }
  throw new RunnerError(
    `The local runner cannot make a ${token}; it makes ${Object.keys(resourceTypes).join(', ')}. ` +
      'Deploy this program with the Pulumi CLI: npx pulumi up',
  );
}

/** True when a preview does not know some part of a value yet. */
export function hasUnknown(value: unknown): boolean {
  if (value === unknownValue) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(hasUnknown);
}
