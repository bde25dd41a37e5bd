import type {
  DiagnosticEvent,
  PolicyEvent,
  EngineEvent as PulumiEvent,
  StepEventMetadata,
} from '@pulumi/pulumi/automation/index.js';
import type { Operation } from '../../local/types.ts';
import type { EngineEvent, Summary } from './deployment.ts';

/**
 * Pulumi's step operations in our words. A replacement is several steps; the creation of the new resource stands for
 * it, and what is left out here are its other steps, and reads.
 */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  create: 'create',
  same: 'same',
  update: 'update',
  delete: 'delete',
  'create-replacement': 'replace',
  import: 'create',
};

/** Follows one run of the CLI. */
export interface PulumiRun {
  /** Takes each event of the Automation API. */
  readonly onEvent: (event: PulumiEvent) => void;
  /** What went wrong so far, each once: broken rules, then by resource where one failed, else the program's errors. */
  problems(): string[];
}

/** Turns the Automation API's events into the runner's, so that one display shows both. */
export function followPulumi(
  emit: (event: EngineEvent) => void,
  now: () => number = () => performance.now(),
): PulumiRun {
  const started = new Map<string, { at: number; operation: Operation }>();
  const failures = new Map<string, string>();
  const errors = new Map<string, string>();
  const broken = new Set<string>();
  const duration = (urn: string) => Math.round(now() - (started.get(urn)?.at ?? now()));

  const onStart = ({ op, urn, type }: StepEventMetadata) => {
    const operation = OPERATIONS[op];
    if (operation === undefined || started.has(urn)) return;
    started.set(urn, { at: now(), operation });
    emit({ kind: 'start', urn, type, name: nameOf(urn), operation });
  };
  const onEnd = ({ op, urn }: StepEventMetadata) => {
    const operation = OPERATIONS[op];
    if (operation === undefined) return;
    emit({ kind: 'done', urn, operation, durationMs: duration(urn) });
    started.delete(urn);
  };
  const onFailure = ({ urn }: StepEventMetadata) => {
    const message = errors.get(urn) ?? 'failed';
    failures.set(urn, message);
    emit({ kind: 'failed', urn, message, durationMs: duration(urn) });
    started.delete(urn);
  };
  const onMessage = ({ ephemeral, message: raw, severity, urn = '' }: DiagnosticEvent) => {
    const message = plainText(raw);
    if (message === '' || message === 'update failed') return;
    // Told once, at the end.
    if (severity === 'error') errors.set(urn, longer(errors.get(urn), message));
    else if (started.has(urn)) emit({ kind: 'progress', urn, message: newestLine(message) });
    else if (severity === 'warning' && !ephemeral)
      emit({ kind: 'message', severity: 'warning', message });
  };
  return {
    onEvent: (event) => {
      if (event.resourcePreEvent) onStart(event.resourcePreEvent.metadata);
      if (event.resOutputsEvent) onEnd(event.resOutputsEvent.metadata);
      if (event.resOpFailedEvent) onFailure(event.resOpFailedEvent.metadata);
      if (event.diagnosticEvent) onMessage(event.diagnosticEvent);
      if (event.policyEvent?.enforcementLevel === 'mandatory')
        broken.add(policySentence(event.policyEvent));
    },
    problems: () => {
      const failed = [...failures].map(
        ([urn, message]) => `${nameOf(urn)}: ${errors.get(urn) ?? message}`,
      );
      const known = [...broken, ...failed];
      return known.length > 0 ? known : [...new Set(errors.values())];
    },
  };
}

/** What a policy says, with the names of the resource and of the rule. */
export function policySentence({ resourceUrn, message, policyName }: PolicyEvent): string {
  const about = resourceUrn ? `"${nameOf(resourceUrn)}": ` : '';
  const rule = ` [${policyName}]`;
  const text = plainText(message);
  return `${text.startsWith(about) ? '' : about}${text}${text.includes(rule) ? '' : rule}`;
}

/** Pulumi's summary in the runner's form. */
export function summaryOf(
  changes: Readonly<Record<string, number | undefined>>,
  durationMs: number,
): Summary {
  const { create = 0, same = 0, update = 0, replace = 0, delete: deleted = 0 } = changes;
  return { create, same, update, replace, delete: deleted, durationMs: Math.round(durationMs) };
}

export const nameOf = (urn: string) => urn.slice(urn.lastIndexOf('::') + 2);

/**
 * A diagnostic without colour directives (`<{%reset%}>`), and without what the bridge of Terraform providers puts
 * around an error: the place in its source, the count of errors, the resource's URN.
 */
export function plainText(message: string): string {
  return message
    .replace(/<\{%[^%]*%\}>/g, '')
    .replace(/^\s*sdk-v2\/\S+ sdk\.helper_schema: /, '')
    .replace(/: provider=\S+@[\d.]+\s*$/, '')
    .replace(/(\d+ errors? occurred:\s+\* (\w+ing urn:\S+ )?)+/g, '')
    .trim();
}

/** The same failure is told in several forms; the longest says most. */
const longer = (one: string | undefined, other: string) =>
  one !== undefined && one.length >= other.length ? one : other;

/** A build tells its steps in blocks of lines; the last that says something is where it stands. */
function newestLine(message: string): string {
  const lines = message
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('digest:'));
  return (lines.at(-1) ?? message).trim();
}
