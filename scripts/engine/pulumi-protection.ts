import type { Stack } from '@pulumi/pulumi/automation/index.js';
import type { EngineEvent } from './deployment.ts';
import { nameOf } from './pulumi-events.ts';

interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  protect?: boolean;
  retainOnDelete?: boolean;
}

/**
 * Takes the protection from everything in a stack's state, saying what that is: a destroy refuses what is protected
 * (`protect`) and leaves on the engine what is to be retained (`retainOnDelete`). For a user who has asked for the
 * deletion of data.
 */
export async function giveUpProtection(
  stack: Stack,
  emit: (event: EngineEvent) => void,
): Promise<void> {
  const exported = await stack.exportStack();
  const resources: Resource[] = exported.deployment?.resources ?? [];
  const kept = resources.filter(({ protect, retainOnDelete }) => protect || retainOnDelete);
  if (kept.length === 0) return;
  for (const resource of kept) {
    delete resource.protect;
    delete resource.retainOnDelete;
  }
  await stack.importStack(exported);
  for (const { urn, type, id } of kept)
    emit({
      kind: 'message',
      severity: 'warning',
      message: `Deleting data that the program protects: ${type.split(':').at(-1)} "${nameOf(urn)}"${id === undefined ? '' : ` (${id})`}.`,
    });
}
