import type {
  PolicyEvent,
  EngineEvent as PulumiEvent,
  StepEventMetadata,
} from '@pulumi/pulumi/automation/index.js';
import type { PlannedChange, Preview, Summary } from './deployment.ts';
import { OPERATIONS, policySentence } from './pulumi-events.ts';

/** Follows one preview of the CLI: what would change, and which rules of the policy pack the stack breaks. */
export function followPlan() {
  const changes = new Map<string, PlannedChange>();
  const violations: string[] = [];
  const onStep = ({ op, urn, diffs = [], keys = [], ...states }: StepEventMetadata) => {
    const operation = OPERATIONS[op];
    // Components only hold others together.
    const component = (states.new ?? states.old)?.custom === false;
    if (operation === undefined || operation === 'same' || component) return;
    changes.set(urn, { urn, operation, reason: reasonOf(operation, keys, diffs) });
  };
  const onPolicy = (event: PolicyEvent, warn: (message: string) => void) => {
    const sentence = policySentence(event);
    if (event.enforcementLevel === 'mandatory') violations.push(sentence);
    else warn(sentence);
  };
  return {
    violations,
    /** Takes each event of the Automation API; rules that are only advice are told by `warn`. */
    onEvent: (event: PulumiEvent, warn: (message: string) => void) => {
      if (event.resourcePreEvent) onStep(event.resourcePreEvent.metadata);
      if (event.policyEvent) onPolicy(event.policyEvent, warn);
    },
    result: (summary: Summary): Preview => ({
      changes: [...changes.values()],
      summary,
      violations: [...new Set(violations)],
    }),
  };
}

/** Which inputs make the change; names alone, never values. */
function reasonOf(
  operation: PlannedChange['operation'],
  keys: readonly string[],
  diffs: readonly string[],
): string {
  if (operation === 'create') return 'it is not there yet';
  if (operation === 'delete') return 'it left the program';
  const changed = operation === 'replace' && keys.length > 0 ? keys : diffs;
  return changed.length === 0 ? '' : `inputs changed: ${[...new Set(changed)].join(', ')}`;
}
