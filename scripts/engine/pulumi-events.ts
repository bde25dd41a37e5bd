import type { EngineEvent as PulumiEvent } from '@pulumi/pulumi/automation/index.js';
import type { Operation } from '../../local/types.ts';
import type { EngineEvent, Summary } from './deployment.ts';

/** Pulumi's step operations in our words; those that are left out are parts of a replacement, or reads. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  create: 'create',
  same: 'same',
  update: 'update',
  delete: 'delete',
  replace: 'replace',
  'create-replacement': 'replace',
  import: 'create',
};

/**
 * Turns the Automation API's events into the runner's, so that one display shows both. A replacement is one
 * resource to the user: it begins with the first of its steps and ends with the creation of the new one.
 */
export function pulumiEvents(
  emit: (event: EngineEvent) => void,
  now: () => number = () => performance.now(),
): (event: PulumiEvent) => void {
  const started = new Map<string, { at: number; operation: Operation }>();
  const errors = new Map<string, string>();
  const duration = (urn: string) => Math.round(now() - (started.get(urn)?.at ?? now()));
  return (event) => {
    const before = event.resourcePreEvent?.metadata;
    if (before !== undefined) {
      const operation = OPERATIONS[before.op];
      if (operation === undefined || started.has(before.urn)) return;
      started.set(before.urn, { at: now(), operation });
      const { urn, type } = before;
      emit({ kind: 'start', urn, type, name: nameOf(urn), operation });
    }
    const after = event.resOutputsEvent?.metadata;
    if (after !== undefined && OPERATIONS[after.op] !== undefined) {
      // The last step of a replacement in the delete-first order is the create, whose event ends it.
      const operation = started.get(after.urn)?.operation ?? OPERATIONS[after.op] ?? 'same';
      emit({ kind: 'done', urn: after.urn, operation, durationMs: duration(after.urn) });
      started.delete(after.urn);
    }
    const failed = event.resOpFailedEvent?.metadata;
    if (failed !== undefined) {
      const message = errors.get(failed.urn) ?? 'failed';
      emit({ kind: 'failed', urn: failed.urn, message, durationMs: duration(failed.urn) });
      started.delete(failed.urn);
    }
    const said = event.diagnosticEvent;
    if (said !== undefined) {
      const message = plainText(said.message);
      if (message === '') return;
      if (said.urn && said.severity === 'error') errors.set(said.urn, message);
      if (said.urn && started.has(said.urn) && said.severity !== 'error')
        emit({ kind: 'progress', urn: said.urn, message });
      else if (!said.ephemeral && (said.severity === 'warning' || said.severity === 'error'))
        emit({ kind: 'message', severity: said.severity, message });
    }
  };
}

/** Pulumi's summary in the runner's form. */
export function summaryOf(
  changes: Readonly<Record<string, number | undefined>>,
  durationMs: number,
): Summary {
  const summary = { create: 0, same: 0, update: 0, replace: 0, delete: 0 };
  for (const [operation, count] of Object.entries(changes)) {
    const ours = OPERATIONS[operation];
    if (ours !== undefined) summary[ours] += count ?? 0;
  }
  return { ...summary, durationMs };
}

const nameOf = (urn: string) => urn.slice(urn.lastIndexOf('::') + 2);

/** Diagnostics carry colour directives such as `<{%reset%}>`. */
function plainText(message: string): string {
  return message.replace(/<\{%[^%]*%\}>/g, '').trim();
}
