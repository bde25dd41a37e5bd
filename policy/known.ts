import { UnknownValueError } from '@pulumi/policy';
import { UNKNOWN } from '../infra/rules/inputs.ts';

/**
 * A copy of a resource's properties in which `UNKNOWN` stands for what a preview cannot know. @pulumi/policy throws when
 * such a value is read, and would leave the whole rule unasked.
 */
export const known = (properties: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.keys(properties).map((name) => [name, readable(() => properties[name])]),
  );

function readable(read: () => unknown): unknown {
  let value: unknown;
  try {
    value = read();
  } catch (error) {
    if (error instanceof UnknownValueError) return UNKNOWN;
    throw error;
  }
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    return Array.from({ length: items.length }, (_, index) => readable(() => items[index]));
  }
  return typeof value === 'object' && value !== null
    ? known(value as Record<string, unknown>)
    : value;
}
