/** What would change on an engine that has one plan when the other is deployed. */
import { decide } from '../../local/decide.ts';
import { resourceTypes } from '../../local/resources/index.ts';
import type { PlannedResource } from './planned.ts';

export interface Change {
  readonly operation: 'create' | 'update' | 'replace' | 'delete' | 'rename';
  readonly type: string;
  readonly name: string;
  /** In plain words, without values. */
  readonly reason: string;
  /** What is lost with a volume that goes: files on a disk, or what a service makes anew by itself. */
  readonly loses?: 'data' | 'memory';
  /** The new plan marks it as not to be deleted, so that the deployment stops instead. */
  readonly isProtected: boolean;
}

/**
 * Resources are matched by URN and by the aliases of the newer plan. Whether a changed input asks for a new resource
 * is what the runner knows of each type; a type that it does not know counts as replaced.
 */
export function compare(
  before: readonly PlannedResource[],
  after: readonly PlannedResource[],
): Change[] {
  const left = new Map(before.map((resource) => [resource.urn, resource]));
  const changes = after.flatMap((resource): Change[] => {
    const known = [resource.urn, ...resource.options.aliases].find((urn) => left.has(urn));
    const former = known === undefined ? undefined : left.get(known);
    if (known !== undefined) left.delete(known);
    return change(former, resource);
  });
  const deleted = [...left.values()].map((resource) => ({
    ...describe(resource),
    operation: 'delete' as const,
    reason: 'it left the program',
    ...lossOf(resource),
  }));
  return [...changes, ...deleted];
}

function change(former: PlannedResource | undefined, resource: PlannedResource): Change[] {
  const { operation, reason } = decision(former, resource);
  if (former === undefined || operation === 'create')
    return [{ ...describe(resource), operation: 'create', reason: 'it is new' }];
  if (operation === 'same')
    return former.urn === resource.urn
      ? []
      : [{ ...describe(resource), operation: 'rename', reason: `it was "${former.name}"` }];
  return [
    {
      ...describe(resource),
      operation,
      reason,
      ...(operation === 'replace' ? lossOf(former) : {}),
    },
  ];
}

function decision(former: PlannedResource | undefined, resource: PlannedResource) {
  const { type, facts, options } = resource;
  const asBefore = ({ inputs }: PlannedResource) =>
    Object.fromEntries(
      Object.entries(inputs).filter(
        ([key]) => !options.ignoreChanges.includes(key) && !options.ignoreChanges.includes('*'),
      ),
    );
  const stored =
    former === undefined
      ? undefined
      : {
          ...former,
          ...former.options,
          id: former.urn,
          inputs: asBefore(former),
          facts: { ...former.facts },
          outputs: {},
          dependencies: [],
          complete: true,
        };
  return decide({
    type: resourceTypes[type] ?? { inPlace: [] },
    stored,
    live: { is: 'as made' },
    inputs: asBefore(resource),
    facts,
    replaceOnChanges: options.replaceOnChanges,
  });
}

const describe = ({ type, name, options }: PlannedResource) => ({
  type,
  name,
  isProtected: options.protect,
});

function lossOf({ type, inputs }: PlannedResource): Pick<Change, 'loses'> {
  if (type !== 'docker:index/volume:Volume') return {};
  const { type: kind } = (inputs.driverOpts ?? {}) as { type?: unknown };
  return { loses: kind === 'tmpfs' ? 'memory' : 'data' };
}
