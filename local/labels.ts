import { fingerprintLabel } from './fingerprint.ts';
import { listOf, record, text } from './shape.ts';

/** Labels as the provider takes them: a list of label and value. */
export const labelsShape = listOf(record({ label: text, value: text }, ['label', 'value']));

/** Labels as the engine takes them, with the runner's own. */
export function labelMap(labels: unknown, fingerprint: string): Record<string, string> {
  const listed = (labels ?? []) as { label: string; value: string }[];
  return {
    ...Object.fromEntries(listed.map(({ label, value }) => [label, value])),
    [fingerprintLabel]: fingerprint,
  };
}
