/** How rules read inputs, which are whatever a program wrote. */

export const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const texts = (value: unknown): readonly string[] => list(value).map(String);

/** A text, or nothing where there is none. */
export const text = (value: unknown): string =>
  value === undefined || value === null ? '' : String(value);

/** Labels as the resources of Docker write them, `[{ label, value }]`, by name. */
export const labelsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    list(value)
      .map(record)
      .map(({ label, value: given }) => [text(label), text(given)]),
  );

/** Which part of the stack a resource belongs to: its label `lakehouse.component`. */
export const componentOf = (inputs: Readonly<Record<string, unknown>>): string | undefined =>
  labelsOf(inputs.labels)['lakehouse.component'];

/**
 * Stands for a value that a preview cannot know yet (pulumi/pulumi:sdk/nodejs/runtime/rpc.ts `unknownValue`): no rule
 * judges it, the deployment will.
 */
export const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';
