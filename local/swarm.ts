/** What must be so before a program with Swarm resources can be made. */

import type Dockerode from 'dockerode';
import { RunnerError } from './errors.ts';
import type { RuledResource } from './rules.ts';

export const serviceType = 'docker:index/service:Service';
const secretType = 'docker:index/secret:Secret';
const networkType = 'docker:index/network:Network';

/** True for what exists in a Swarm only. */
export function needsSwarm({ type, inputs }: Pick<RuledResource, 'type' | 'inputs'>): boolean {
  return (
    type === serviceType ||
    type === secretType ||
    (type === networkType && inputs.driver === 'overlay')
  );
}

/** Throws a RunnerError when a program is for production, and nobody said that this is a trial. */
export function assertTrial(
  resources: readonly RuledResource[],
  { trial, stack }: { trial?: boolean; stack: string },
): void {
  if (trial || !resources.some(({ type }) => type === serviceType)) return;
  throw new RunnerError(
    `The stack "${stack}" is made of Swarm services, so it is for production: deploy it with the Pulumi CLI ` +
      `(npx pulumi up --stack ${stack}). To try it out on this machine: ` +
      `npm run up -- --stack ${stack} --engine local --trial`,
  );
}

/** Throws a RunnerError, once for all resources, when the engine cannot make them. */
export async function assertSwarm(
  docker: () => Promise<Dockerode>,
  resources: readonly RuledResource[],
): Promise<void> {
  const count = resources.filter(needsSwarm).length;
  if (count === 0) return;
  const engine = await docker();
  const { Swarm } = (await engine.info()) as { Swarm?: SwarmInfo };
  if (Swarm?.LocalNodeState !== 'active' || Swarm.ControlAvailable !== true) {
    throw new RunnerError(notManager(count, Swarm));
  }
  const nodes = (await engine.listNodes()) as Node[];
  const nowhere = resources
    .filter(({ type }) => type === serviceType)
    .flatMap(({ name, inputs }) => unplaceable(name, constraintsOf(inputs), nodes));
  if (nowhere.length > 0) throw new RunnerError(nowhere.join('\n'));
}

/** The part of GET /info that is read. */
export interface SwarmInfo {
  LocalNodeState?: string;
  /** True on managers. */
  ControlAvailable?: boolean;
}

/** @param count how many resources need a Swarm */
export function notManager(count: number, swarm: SwarmInfo | undefined): string {
  const asks = `The program has ${count} resources that only a manager of a Docker Swarm can make`;
  return swarm?.LocalNodeState === 'active'
    ? `${asks}, and this engine is a worker. Set docker:host to a manager, or make this one a manager ` +
        'by running on a manager: docker node promote <this node>'
    : `${asks}, and this engine is in no Swarm (${swarm?.LocalNodeState ?? 'inactive'}). ` +
        'Make it a Swarm of one node: docker swarm init';
}

/** The part of a node of GET /nodes that is read. */
export interface Node {
  Spec?: { Labels?: Record<string, string>; Availability?: string };
  Status?: { State?: string };
}

/** Why no node may run a service, by the labels that it asks for; nothing when one may. */
export function unplaceable(
  name: string,
  constraints: readonly string[],
  nodes: readonly Node[],
): string[] {
  const wanted = constraints.flatMap((constraint) => {
    const parts = /^\s*node\.labels\.([^\s=!]+)\s*==\s*(\S.*?)\s*$/.exec(constraint);
    return parts ? [{ label: String(parts[1]), value: String(parts[2]) }] : [];
  });
  const carries = ({ Spec }: Node) =>
    wanted.every(({ label, value }) => Spec?.Labels?.[label] === value);
  if (wanted.length === 0 || nodes.some(carries)) return [];
  const labels = wanted.map(({ label, value }) => `${label}=${value}`);
  const options = labels.map((label) => `--label-add ${label}`);
  return [
    `No node of the Swarm carries the label ${labels.join(' and ')}, which the service "${name}" asks for. ` +
      `Label one (docker node ls lists them): docker node update ${options.join(' ')} <node>`,
  ];
}

function constraintsOf(inputs: Readonly<Record<string, unknown>>): string[] {
  const { taskSpec } = inputs as { taskSpec?: { placement?: { constraints?: unknown } } };
  const constraints = taskSpec?.placement?.constraints;
  return Array.isArray(constraints) ? constraints.map(String) : [];
}
