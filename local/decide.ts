/** Which operation brings a resource from what is stored and found to what is wanted. */

import { canonical } from './canonical.ts';
import type { Live, ResourceType } from './resource-type.ts';
import { reveal } from './secret-value.ts';
import type { StoredResource } from './state.ts';
import type { Operation } from './types.ts';

export interface Decision {
  operation: Exclude<Operation, 'delete'>;
  /** In plain words, without values. */
  reason: string;
}

export interface Situation {
  type: Pick<ResourceType, 'inPlace' | 'needsNew' | 'resumes'>;
  stored: StoredResource | undefined;
  /** Undefined when nothing is stored. */
  live: Live | undefined;
  inputs: Readonly<Record<string, unknown>>;
  facts: Readonly<Record<string, string>>;
  /** Names of inputs, or `*`. */
  replaceOnChanges: readonly string[];
}

export function decide({
  type,
  stored,
  live,
  inputs,
  facts,
  replaceOnChanges,
}: Situation): Decision {
  if (stored?.id === undefined || live === undefined) {
    return { operation: 'create', reason: 'it is not there yet' };
  }
  if (live.is === 'missing') return { operation: 'create', reason: live.reason };
  const unfinished = stored.complete ? undefined : 'the last run did not finish it';
  if (unfinished !== undefined && !type.resumes)
    return { operation: 'replace', reason: unfinished };
  if (live.is === 'altered') return { operation: 'replace', reason: live.reason };
  const changed = [...changedKeys(stored.inputs, inputs), ...changedKeys(stored.facts, facts)];
  if (changed.length > 0) {
    const inPlace = (key: string) =>
      (type.inPlace === 'all' || type.inPlace.includes(key)) &&
      !replaceOnChanges.includes(key) &&
      !replaceOnChanges.includes('*');
    const inner = type.needsNew?.(clear(stored.inputs), clear(inputs)) ?? [];
    return {
      operation: changed.every(inPlace) && inner.length === 0 ? 'update' : 'replace',
      reason: `changed: ${[...changed, ...inner].join(', ')}`,
    };
  }
  if (unfinished !== undefined) return { operation: 'update', reason: unfinished };
  if (live.is === 'stopped' || live.is === 'changed') {
    return { operation: 'update', reason: live.reason };
  }
  return { operation: 'same', reason: 'nothing changed' };
}

const clear = (inputs: Readonly<Record<string, unknown>>) =>
  reveal(inputs) as Record<string, unknown>;

/** Keys whose values differ; secrets are compared in clear, whether marked or not. */
export function changedKeys(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  const plain = (value: unknown) => canonical(reveal(value)) ?? '';
  return [...keys].filter((key) => plain(before[key]) !== plain(after[key])).sort();
}

/** The wanted inputs with those that `ignoreChanges` names as they were. */
export function ignoringChanges(
  inputs: Readonly<Record<string, unknown>>,
  stored: StoredResource | undefined,
  ignoreChanges: readonly string[],
): Record<string, unknown> {
  if (stored === undefined || ignoreChanges.length === 0) return { ...inputs };
  if (ignoreChanges.includes('*')) return { ...stored.inputs };
  const kept = Object.entries(inputs).filter(([key]) => !ignoreChanges.includes(key));
  const old = Object.entries(stored.inputs).filter(([key]) => ignoreChanges.includes(key));
  return Object.fromEntries([...kept, ...old]);
}
