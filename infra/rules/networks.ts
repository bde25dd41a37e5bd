/** Who may reach whom, and who may listen on the way. */
import { componentOf, record } from './inputs.ts';
import { NETWORK, type Rule } from './rule.ts';

const types = [NETWORK];
/** Networks of the stack without a way out, on every platform. */
const INWARD = ['internal', 'monitoring'];
/** The only one that something outside the stack may join. */
const MONITORING = 'monitoring';

export const networkRules: readonly Rule[] = [
  {
    id: 'no-way-out',
    says: 'What is inside has no way out.',
    types,
    check: ({ inputs }) =>
      INWARD.includes(componentOf(inputs) ?? '') && inputs.internal !== true
        ? ['it leads to the outside; set internal to true']
        : [],
  },
  {
    id: 'encrypted-between-nodes',
    says: 'What services say to each other is encrypted between nodes.',
    types,
    check: ({ inputs }) => {
      const { encrypted } = record(inputs.options);
      // The engine reads the option's presence, and "false" as false (moby/libnetwork: drivers/overlay).
      const isEncrypted = encrypted !== undefined && encrypted !== 'false';
      const spansNodes = inputs.driver === 'overlay' && inputs.internal === true;
      return spansNodes && !isEncrypted
        ? ['it goes from node to node in clear; set options to { encrypted: "true" }']
        : [];
    },
  },
  {
    id: 'closed-to-others',
    says: 'Only the network for monitoring may be joined from outside the stack.',
    types,
    only: 'prod',
    check: ({ inputs }) =>
      inputs.attachable === true && componentOf(inputs) !== MONITORING
        ? ['any container of the engine may join it; remove attachable']
        : [],
  },
];
