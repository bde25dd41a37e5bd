/** What a Swarm manager tells of services, tasks and nodes, in the words of the commands; pure. */
import type { Instance, Node, Service } from './running.ts';
import { byComponent } from './running.ts';

/** The parts of the engine's answers that are read here (Docker Engine API: ServiceList, TaskList, NodeList). */
export interface ServiceAnswer {
  readonly ID: string;
  readonly Spec?: {
    readonly Name?: string;
    readonly Labels?: Readonly<Record<string, string>>;
    readonly Mode?: { readonly Replicated?: { readonly Replicas?: number } };
    readonly TaskTemplate?: { readonly Placement?: { readonly Constraints?: readonly string[] } };
  };
  readonly UpdateStatus?: {
    readonly State?: string;
    readonly Message?: string;
    readonly StartedAt?: string;
    readonly CompletedAt?: string;
  };
}

export interface TaskAnswer {
  readonly ID: string;
  readonly ServiceID: string;
  readonly NodeID?: string;
  readonly Slot?: number;
  readonly DesiredState: string;
  readonly CreatedAt: string;
  readonly Spec?: { readonly ContainerSpec?: { readonly Image?: string } };
  readonly Status: {
    readonly Timestamp: string;
    readonly State: string;
    readonly Message?: string;
    readonly Err?: string;
    readonly ContainerStatus?: { readonly ContainerID?: string; readonly ExitCode?: number };
    readonly PortStatus?: { readonly Ports?: readonly { readonly PublishedPort?: number }[] };
  };
}

export interface NodeAnswer {
  readonly ID: string;
  readonly Spec: {
    readonly Availability: string;
    readonly Role?: string;
    readonly Labels?: Readonly<Record<string, string>>;
  };
  readonly Description?: {
    readonly Hostname?: string;
    readonly Engine?: { readonly EngineVersion?: string };
  };
  readonly Status: { readonly State: string; readonly Addr?: string };
}

export interface SwarmAnswers {
  readonly services: readonly ServiceAnswer[];
  readonly tasks: readonly TaskAnswer[];
  /** Ids of the tasks that are as their service is specified now. */
  readonly upToDate: ReadonlySet<string>;
  readonly nodes: readonly NodeAnswer[];
  /** Id of the node that was asked: containers of its tasks can be asked themselves. */
  readonly self: string;
}

const FAILED: ReadonlySet<string> = new Set(['failed', 'rejected', 'orphaned']);

const componentOf = (service: ServiceAnswer) =>
  service.Spec?.Labels?.['lakehouse.component'] ?? '?';
const nameOf = (service: ServiceAnswer) => service.Spec?.Name ?? service.ID;

/** Whether a node may carry a service: the constraints that our services have, labels of nodes. */
export function mayCarry(node: NodeAnswer, constraints: readonly string[]): boolean {
  return constraints.every((constraint) => {
    const found = /^\s*node\.labels\.([^=!\s]+)\s*(==|!=)\s*(.*?)\s*$/.exec(constraint);
    if (found === null) return true;
    const [, label = '', operator, value] = found;
    return (node.Spec.Labels?.[label] === value) === (operator === '==');
  });
}

const constraintsOf = (service: ServiceAnswer) =>
  service.Spec?.TaskTemplate?.Placement?.Constraints ?? [];

export function nodeName(node: NodeAnswer | undefined): string | undefined {
  return node === undefined ? undefined : node.Description?.Hostname || node.ID;
}

/** Every task that runs or should, as an instance. */
export function instancesOf({ services, tasks, nodes, self }: SwarmAnswers): Instance[] {
  return tasks
    .filter(isCurrent)
    .flatMap((task) => {
      const service = services.find(({ ID }) => ID === task.ServiceID);
      return service === undefined ? [] : [instanceOf(service, task)];
    })
    .sort(byComponent);

  function instanceOf(service: ServiceAnswer, task: TaskAnswer): Instance {
    const node = nodeName(nodes.find(({ ID }) => ID === task.NodeID)) ?? null;
    const { ContainerStatus: container, PortStatus: ports, ...status } = task.Status;
    return {
      component: componentOf(service),
      name: `${nameOf(service)}.${task.Slot ?? node ?? task.ID}`,
      node,
      container: task.NodeID === self ? (container?.ContainerID ?? null) : null,
      state: status.State,
      health: null,
      error: status.Err || null,
      startedAt: status.Timestamp,
      restarts: tasks.filter((other) => samePlace(other, task) && FAILED.has(other.Status.State))
        .length,
      exitCode: container?.ExitCode ?? 0,
      outOfMemory: false,
      image: task.Spec?.ContainerSpec?.Image ?? '',
      imageTags: [],
      ports: (ports?.Ports ?? []).map(({ PublishedPort }) => `0.0.0.0:${PublishedPort}`),
    };
  }
}

/** A task that the manager wants to run, now or as soon as its predecessor has stopped. */
const isCurrent = ({ DesiredState }: TaskAnswer) =>
  DesiredState === 'running' || DesiredState === 'ready';

/** Tasks that stand for one another: of one slot, or, where every node has one, of one node. */
const samePlace = (a: TaskAnswer, b: TaskAnswer) =>
  a.ServiceID === b.ServiceID &&
  a.Slot === b.Slot &&
  (a.Slot !== undefined || a.NodeID === b.NodeID);

/** Every service with how many of its tasks run. */
export function servicesOf({ services, tasks, upToDate, nodes }: SwarmAnswers): Service[] {
  return services.map(describe).sort(byComponent);

  function describe(service: ServiceAnswer): Service {
    const own = tasks.filter(({ ServiceID }) => ServiceID === service.ID);
    const running = own.filter((task) => isCurrent(task) && task.Status.State === 'running');
    const eligible = nodes.filter(
      (node) =>
        mayCarry(node, constraintsOf(service)) &&
        node.Spec.Availability === 'active' &&
        node.Status.State === 'ready',
    );
    const replicated = service.Spec?.Mode?.Replicated;
    const { UpdateStatus: update } = service;
    const failed = own
      .filter(({ Status }) => FAILED.has(Status.State))
      .sort((a, b) => (a.Status.Timestamp < b.Status.Timestamp ? 1 : -1))[0];
    return {
      component: componentOf(service),
      name: nameOf(service),
      running: running.length,
      current: running.filter(({ ID }) => upToDate.has(ID)).length,
      // One on each node; with no node left it still should run somewhere.
      wanted: replicated === undefined ? Math.max(1, eligible.length) : (replicated.Replicas ?? 1),
      update:
        update?.State === undefined
          ? null
          : {
              state: update.State,
              message: update.Message ?? '',
              since: update.CompletedAt ?? update.StartedAt ?? null,
            },
      failure:
        failed === undefined
          ? null
          : {
              time: failed.Status.Timestamp,
              node: nodeName(nodes.find(({ ID }) => ID === failed.NodeID)) ?? 'no node',
              error: failed.Status.Err || failed.Status.Message || failed.Status.State,
            },
    };
  }
}

/** Nodes on which a service of the stack may be placed. */
export function nodesOf({ services, nodes }: SwarmAnswers): Node[] {
  return nodes
    .map((node) => ({
      name: nodeName(node) ?? node.ID,
      availability: node.Spec.Availability,
      state: node.Status.State,
      carries: [
        ...new Set(
          services.filter((service) => mayCarry(node, constraintsOf(service))).map(componentOf),
        ),
      ].sort(),
    }))
    .filter(({ carries }) => carries.length > 0)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
