/** Whether the engine manages a Swarm that can carry the stack. */
import { CommandError } from '../command-error.ts';
import type { StackConfig } from '../config/stack-config.ts';
import { isRemote } from '../engine/docker-address.ts';
import { isOlder, OLDEST } from '../engine/docker-engine.ts';
import { type NodeAnswer, nodeName } from '../stack/swarm-facts.ts';
import type { Found, Ground } from './ground.ts';
import { checkPort } from './port.ts';

/** What an engine says of the Swarm that it is in (Docker Engine API: SystemInfo.Swarm). */
export interface SwarmInfo {
  readonly LocalNodeState?: string;
  readonly ControlAvailable?: boolean;
  readonly NodeID?: string;
  readonly Error?: string;
}

export async function checkSwarm({ config, docker, engine }: Ground): Promise<Found> {
  const { Swarm: info = {}, Name: name = 'this node' } = (await docker.info()) as {
    Swarm?: SwarmInfo;
    Name?: string;
  };
  // On another machine the docker command must be told so.
  const command = isRemote(engine.address) ? `docker -H ${engine.address.url}` : 'docker';
  const problem = managerProblem(info, name, command);
  if (problem !== undefined) throw problem;
  const nodes: NodeAnswer[] = await docker.listNodes();
  const problems = nodeProblems(nodes, labelsOf(config), {
    command,
    registry: config.has('registry'),
  });
  if (problems.length > 0) return { problems };
  const carrying = labelled(nodes, labelsOf(config).services).map(nodeName);
  return { ok: `Swarm manager, services on ${carrying.join(', ')}` };
}

/** Why the engine cannot deploy services; `undefined` when it manages a Swarm. */
export function managerProblem(
  { LocalNodeState: state = 'inactive', ControlAvailable: manages, Error: why }: SwarmInfo,
  name: string,
  command = 'docker',
): CommandError | undefined {
  const problem = (message: string, ...advice: string[]) => new CommandError(message, { advice });
  if (state === 'active' && manages) return undefined;
  if (state === 'active')
    return problem(
      `The Docker engine of ${name} is a worker of its Swarm; only a manager deploys services.`,
      'Name a manager: npm run up -- --set docker:host=ssh://user@manager',
      `Or make it one, on a manager: docker node promote ${name}`,
    );
  if (state === 'locked')
    return problem(
      `The Swarm of ${name} is locked since the engine was restarted.`,
      `Unlock it: ${command} swarm unlock`,
    );
  if (state === 'inactive')
    return problem(
      `The Docker engine of ${name} is not in a Swarm.`,
      `Make it the first manager of one: ${command} swarm init`,
      'A machine with several addresses needs to know which one other nodes reach: --advertise-addr <address>',
    );
  return problem(
    `The Swarm of ${name} is not working (${state})${why ? `: ${why}` : '.'}`,
    `See its state: ${command} info`,
  );
}

export interface Labels {
  /** `label=value` of the nodes for refresher and proxies, and of the one for the edge. */
  readonly services: string;
  readonly edge: string;
}

export const labelsOf = (config: Pick<StackConfig, 'get'>): Labels => {
  const services = config.get('nodeLabel') ?? 'lakehouse=true';
  return { services, edge: config.get('edgeNodeLabel') ?? services };
};

export const labelled = (nodes: readonly NodeAnswer[], label: string): readonly NodeAnswer[] => {
  const [name = '', value = ''] = label.split('=');
  return nodes.filter(({ Spec }) => Spec.Labels?.[name] === value);
};

/** What keeps the nodes of a Swarm from carrying the stack. */
export function nodeProblems(
  nodes: readonly NodeAnswer[],
  { services, edge }: Labels,
  { command = 'docker', registry }: { command?: string; registry: boolean },
): CommandError[] {
  const wanted = services === edge ? [services] : [services, edge];
  const carrying = labelled(nodes, services);
  return [
    ...wanted.flatMap((label) => labelProblems(nodes, label, command)),
    ...nodes
      .filter((node) => labelled([node], services).length + labelled([node], edge).length > 0)
      .flatMap((node) => versionProblem(node)),
    ...(carrying.length > 1 && !registry
      ? [
          new CommandError(
            `${carrying.length} nodes have the label ${services} (${carrying.map(nodeName).join(', ')}), and without a registry only this engine has the images.`,
            {
              advice: [
                'Name one that all nodes can pull from: npm run up -- --set registry=registry.your-company.com/lakehouse',
                `Or keep to one node: ${command} node update --label-rm ${services.split('=')[0]} <node>`,
              ],
            },
          ),
        ]
      : []),
  ];
}

function labelProblems(
  nodes: readonly NodeAnswer[],
  label: string,
  command: string,
): CommandError[] {
  const found = labelled(nodes, label);
  if (found.length === 0)
    return [
      new CommandError(`No node of the Swarm has the label ${label}, so nothing can be placed.`, {
        advice: [
          'Label the nodes that should carry it:',
          ...nodes.map((node) => `  ${command} node update --label-add ${label} ${nodeName(node)}`),
        ],
      }),
    ];
  if (found.some(isUsable)) return [];
  return [
    new CommandError(`No node with the label ${label} takes services now.`, {
      advice: found.map((node) =>
        node.Status.State === 'ready'
          ? `Let ${nodeName(node)} take them again: ${command} node update --availability active ${nodeName(node)}`
          : `${nodeName(node)} is ${node.Status.State}: start its Docker engine`,
      ),
    }),
  ];
}

const isUsable = ({ Spec, Status }: NodeAnswer) =>
  Spec.Availability === 'active' && Status.State === 'ready';

function versionProblem(node: NodeAnswer): CommandError[] {
  const version = node.Description?.Engine?.EngineVersion;
  if (version === undefined || !isOlder(version, OLDEST)) return [];
  return [
    new CommandError(
      `The Docker engine of ${nodeName(node)} is ${version}; ${OLDEST} or newer is needed.`,
      { advice: ['Update it: https://docs.docker.com/engine/install/'] },
    ),
  ];
}

/** Whether the edge can publish its ports. Of nodes other than the one that is asked this cannot be told. */
export async function checkEdgePorts({ config, docker, engine }: Ground): Promise<Found> {
  const { Swarm: info = {} } = (await docker.info()) as { Swarm?: SwarmInfo };
  if (!info.ControlAvailable) return {};
  const nodes: NodeAnswer[] = await docker.listNodes();
  const candidates = labelled(nodes, labelsOf(config).edge);
  const elsewhere = candidates.filter(({ ID }) => ID !== info.NodeID).map(nodeName);
  const wanted = portsOf(config);
  const notes =
    elsewhere.length === 0
      ? []
      : [
          `Whether ports ${wanted.map(({ port }) => port).join(' and ')} are free on ${elsewhere.join(', ')} is not known here.`,
        ];
  if (elsewhere.length === candidates.length) return { notes };
  const problems: CommandError[] = [];
  for (const { setting, port } of wanted) {
    const remote = isRemote(engine.address);
    const { stack } = config.files;
    await checkPort(docker, { port, stack, remote, address: '0.0.0.0', setting }).catch(
      (error: unknown) => {
        if (!(error instanceof CommandError)) throw error;
        problems.push(error);
      },
    );
  }
  return { ok: `ports ${wanted.map(({ port }) => port).join(' and ')}`, notes, problems };
}

function portsOf(config: Pick<StackConfig, 'get'>) {
  const plain = { setting: 'httpPort', port: Number(config.get('httpPort') ?? 80) };
  const secure = { setting: 'httpsPort', port: Number(config.get('httpsPort') ?? 443) };
  const wanted = config.get('tlsMode') === 'none' ? [plain] : [secure, plain];
  return wanted.filter(({ port }) => Number.isInteger(port) && port > 0);
}
