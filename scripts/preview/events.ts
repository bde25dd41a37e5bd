/** Reads the event log of `pulumi preview`. */
import type { EngineEvent, StepEventMetadata } from '@pulumi/pulumi/automation/index.js';
import { plainText } from '../engine/pulumi-events.ts';

/** A resource that the preview plans to touch. */
export interface PlannedStep {
  readonly operation: string;
  readonly type: string;
  readonly name: string;
}

/** What somebody must hear: where it is about a resource, its name comes first. */
export interface Remark {
  readonly resource?: string;
  /** The rule's name in the policy pack, if it comes from there. */
  readonly policy?: string;
  readonly message: string;
}

export interface Preview {
  /** Everything but what stays the same, components and providers left out. */
  readonly steps: readonly PlannedStep[];
  /** Mandatory policies that are broken. */
  readonly violations: readonly Remark[];
  /** The program's, the providers' and those of advisory policies. */
  readonly warnings: readonly Remark[];
  readonly errors: readonly Remark[];
  /** Names of the policy packs that were applied. */
  readonly policyPacks: readonly string[];
}

/** What follows from other messages. */
const SAYS_NOTHING = /^(preview|update) failed$/;

/** @param log one JSON event per line; a last line that was cut off by an interrupt is left out */
export function readEvents(log: string): Preview {
  const events = log.split('\n').flatMap(parseEvent);
  const steps = events
    .flatMap(({ resourcePreEvent }) => (resourcePreEvent ? [resourcePreEvent.metadata] : []))
    .filter(isShown)
    .map(({ op, type, urn }) => ({ operation: op, type, name: nameOf(urn) }));
  const policies = events.flatMap(({ policyEvent }) => (policyEvent ? [policyEvent] : []));
  const broken = (isMandatory: boolean) =>
    policies
      .filter(({ enforcementLevel }) => (enforcementLevel === 'mandatory') === isMandatory)
      .map(({ resourceUrn, policyName, message }) =>
        remark(plainText(message), resourceUrn, policyName),
      );
  const said = (severity: string) =>
    events
      .flatMap(({ diagnosticEvent }) => (diagnosticEvent ? [diagnosticEvent] : []))
      .filter((event) => event.severity === severity && event.ephemeral !== true)
      .map(({ message, urn }) => remark(plainText(message), urn))
      .filter(({ message }) => message !== '' && !SAYS_NOTHING.test(message));
  const summary = events.findLast(({ summaryEvent }) => summaryEvent !== undefined);
  return {
    steps,
    violations: distinct(broken(true)),
    warnings: distinct([...said('warning'), ...broken(false)]),
    errors: distinct(said('error')),
    policyPacks: packsOf(summary?.summaryEvent),
  };
}

function parseEvent(line: string): EngineEvent[] {
  try {
    return line.trim() === '' ? [] : [JSON.parse(line) as EngineEvent];
  } catch {
    return [];
  }
}

const isShown = ({ op, type, new: planned, old }: StepEventMetadata) =>
  op !== 'same' && (planned ?? old)?.custom === true && !type.startsWith('pulumi:');

function remark(message: string, urn?: string, policy?: string): Remark {
  return {
    ...(urn === undefined || urn === '' || urn.includes('pulumi:pulumi:Stack')
      ? {}
      : { resource: nameOf(urn) }),
    ...(policy === undefined ? {} : { policy }),
    message,
  };
}

/** Of a pack in a folder the CLI says `<name>|local|<folder>`; its field is in capitals as it once was by mistake. */
function packsOf(summary: object | undefined): string[] {
  const { PolicyPacks, policyPacks } = (summary ?? {}) as Record<string, object | undefined>;
  return Object.keys(policyPacks ?? PolicyPacks ?? {}).map((pack) => pack.split('|')[0] ?? pack);
}

const nameOf = (urn: string) => urn.slice(urn.lastIndexOf('::') + 2);

const distinct = (remarks: readonly Remark[]): Remark[] => [
  ...new Map(remarks.map((each) => [JSON.stringify(each), each])).values(),
];
