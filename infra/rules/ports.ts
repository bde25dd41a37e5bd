/** What a stack may publish: on one machine the loopback address, in production the edge's two ports. */
import { everyContainer } from './confinement.ts';
import { list, record } from './inputs.ts';
import { CONTAINER, type Rule, SERVICE, type StackRule } from './rule.ts';

const EDGE = 'edge';
/** HTTPS, and HTTP for redirects and ACME; its operations port stays inside. */
const EDGE_PORTS = [8443, 8080];

export const portRules: readonly Rule[] = [
  everyContainer(
    {
      id: 'loopback-only',
      says: 'A port is published on the loopback address alone.',
      only: 'dev',
    },
    ({ ports }) =>
      ports
        .filter(({ address }) => address !== '127.0.0.1')
        .map(
          ({ outside, address }) =>
            `port ${outside} is published on ${address}; publish it on 127.0.0.1`,
        ),
  ),
  everyContainer(
    {
      id: 'only-the-edge-publishes',
      says: 'Production publishes HTTPS and HTTP of the edge, and nothing else.',
      only: 'prod',
    },
    ({ ports, component, settings }) =>
      ports
        .filter(({ inside }) => component !== EDGE || !EDGE_PORTS.includes(inside))
        .map(
          ({ inside, outside }) =>
            `its port ${inside} is published as ${outside}; remove it from ${settings.ports}, ` +
            `since only the edge's ${EDGE_PORTS.join(' and ')} may be reached from outside`,
        ),
  ),
];

const publishes = ({ type, inputs }: { type: string; inputs: Readonly<Record<string, unknown>> }) =>
  (type === CONTAINER && list(inputs.ports).length > 0) ||
  (type === SERVICE && list(record(inputs.endpointSpec).ports).length > 0);

export const portStackRules: readonly StackRule[] = [
  {
    id: 'one-way-in',
    says: 'One service of a stack publishes ports.',
    checkStack(resources) {
      // An engine of deployment registers them in any order.
      const names = resources
        .filter(publishes)
        .map(({ name }) => `"${name}"`)
        .sort();
      return names.length <= 1
        ? []
        : [`${names.join(' and ')} publish ports; one service is the way in, unpublish the others`];
    },
  },
];
