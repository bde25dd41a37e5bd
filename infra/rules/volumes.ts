/** What lies on a disk in production says whether it is data, and data is kept. */
import { labelsOf, list, record, text, UNKNOWN } from './inputs.ts';
import { isBind, isInMemory, mount } from './mounts.ts';
import { type Rule, type RuledResource, SERVICE, type StackRule, VOLUME } from './rule.ts';

const LABEL = 'lakehouse.data';
const types = [VOLUME];

const holdsData = ({ inputs }: RuledResource) => labelsOf(inputs.labels)[LABEL] === 'true';

export const volumeRules: readonly Rule[] = [
  {
    id: 'no-host-volume',
    says: 'A volume is the engine’s, not a folder of the host.',
    types,
    check: ({ inputs }) =>
      isBind(record(inputs.driverOpts))
        ? [
            'it is a folder of the host; remove the bind from driverOpts, so that the engine keeps it',
          ]
        : [],
  },
  {
    id: 'volume-says-what-it-holds',
    says: 'In production a volume on a disk says whether it holds data.',
    types,
    only: 'prod',
    check: ({ inputs }) =>
      isInMemory(record(inputs.driverOpts)) ||
      ['true', 'false'].includes(labelsOf(inputs.labels)[LABEL] ?? '')
        ? []
        : [`it does not say whether it holds data; add the label ${LABEL}, "true" or "false"`],
  },
  {
    id: 'data-is-kept',
    says: 'In production a volume that holds data survives what is done to the stack.',
    types,
    only: 'prod',
    check: (resource) => {
      const { protect, retainOnDelete } = resource.options;
      if (!holdsData(resource)) return [];
      return [
        ...(protect === false ? ['it holds data and may be deleted; set the option protect'] : []),
        ...(retainOnDelete === false
          ? ['it holds data that goes with the resource; set the option retainOnDelete']
          : []),
      ];
    },
  },
];

export const volumeStackRules: readonly StackRule[] = [
  {
    id: 'volumes-are-declared',
    says: 'In production a service mounts volumes of the stack, or such that live in memory.',
    only: 'prod',
    checkStack(resources) {
      const declared = resources
        .filter(({ type }) => type === VOLUME)
        .map(({ inputs }) => text(inputs.name));
      return resources
        .filter(({ type }) => type === SERVICE)
        .flatMap(({ name, inputs }) =>
          list(record(record(inputs.taskSpec).containerSpec).mounts)
            .map(mount)
            .filter(({ kind, driverOptions }) => kind === 'volume' && !isInMemory(driverOptions))
            .filter(({ source }) => source !== UNKNOWN && !declared.includes(source))
            .map(
              ({ target }) =>
                `"${name}" mounts a volume at ${target} that no resource of the stack describes, so that nothing ` +
                'protects it; mount a docker.Volume by its name',
            ),
        );
    },
  },
];
