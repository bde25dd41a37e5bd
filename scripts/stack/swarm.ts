/** A stack as services of a Docker Swarm, seen from one of its managers. */
import type Docker from 'dockerode';
import { statusOf } from '../../local/engine-error.ts';
import { readContainerLog, tagsOf } from './containers.ts';
import { logQuery, merged, readLines, type TimedLine } from './log-stream.ts';
import type { LoggedLine, LogRequest, Running, RunningStack } from './running.ts';
import {
  instancesOf,
  type NodeAnswer,
  nodesOf,
  type ServiceAnswer,
  type SwarmAnswers,
  servicesOf,
  type TaskAnswer,
} from './swarm-facts.ts';

/** For the log of a task on another node. */
const OTHER_NODE_MS = 30_000;

export class SwarmStack implements RunningStack {
  readonly platform = 'swarm';
  readonly docker: Docker;
  readonly stack: string;

  constructor(docker: Docker, stack: string) {
    this.docker = docker;
    this.stack = stack;
  }

  async look(): Promise<Running> {
    const answers = await this.#ask();
    const instances = await Promise.all(
      instancesOf(answers).map(async (instance) => ({
        ...instance,
        imageTags: await tagsOf(this.docker, instance.image),
      })),
    );
    return { instances, swarm: { services: servicesOf(answers), nodes: nodesOf(answers) } };
  }

  async readLogs(request: LogRequest, onLine: (line: LoggedLine) => void): Promise<void> {
    const { services, tasks, self } = await this.#ask();
    const readers = services.flatMap(({ ID, Spec }) => {
      const component = Spec?.Labels?.['lakehouse.component'] ?? '?';
      if (request.component !== undefined && component !== request.component) return [];
      const own = tasks.filter(({ ServiceID }) => ServiceID === ID);
      const sources = new Map(own.map((task) => [task.ID, sourceOf(component, task)]));
      const read = (task: TaskAnswer) => (take: (line: LoggedLine) => void) =>
        this.#readTask(task, { ...request, self }, (line) =>
          take({ ...line, component, source: sourceOf(component, task) }),
        );
      return request.follow
        ? [
            (take: (line: LoggedLine) => void) =>
              this.#follow(ID, request, ({ task, ...line }) =>
                take({ ...line, component, source: sources.get(task) ?? component }),
              ),
          ]
        : own.map(read);
    });
    await merged(request.follow, readers, onLine);
  }

  /** The manager gathers the logs of a service's tasks from all nodes, those that begin later among them. */
  async #follow(
    service: string,
    request: LogRequest,
    onLine: (line: ReturnType<typeof taskLine>) => void,
  ): Promise<void> {
    const query = { ...logQuery(request), details: true };
    const answer = await this.docker.getService(service).logs(query);
    await readLines(this.docker, answer as Buffer | NodeJS.ReadableStream, (line) =>
      onLine(taskLine(line)),
    );
  }

  /**
   * What a task has logged so far. The manager's answer for a whole service does not always end (Docker 20.10), so this
   * node's tasks are asked of their containers, and another node has its time.
   */
  async #readTask(
    { ID, NodeID, Status }: TaskAnswer,
    request: LogRequest & { readonly self: string },
    onLine: (line: TimedLine) => void,
  ): Promise<void> {
    const container = Status.ContainerStatus?.ContainerID;
    if (!container) return;
    try {
      if (NodeID === request.self)
        return await readContainerLog(this.docker, container, request, onLine);
      const abortSignal = AbortSignal.timeout(OTHER_NODE_MS);
      // dockerode has it, its types do not.
      const task = this.docker.getTask(ID) as unknown as { logs(options: object): Promise<Buffer> };
      const answer = await task.logs({ ...logQuery(request), abortSignal });
      await readLines(this.docker, answer, onLine);
    } catch (error) {
      // The engine has forgotten a container that ended.
      if (statusOf(error) !== 404) throw error;
    }
  }

  async #ask(): Promise<SwarmAnswers> {
    const services = await stackServices(this.docker, this.stack);
    const [tasks, upToDate, nodes, self] = await Promise.all([
      serviceTasks(this.docker, services),
      serviceTasks(this.docker, services, { '_up-to-date': ['true'] }),
      unlessNoManager(this.docker.listNodes() as Promise<NodeAnswer[]>),
      this.docker.info() as Promise<{ Swarm?: { NodeID?: string } }>,
    ]);
    return {
      services,
      tasks,
      upToDate: new Set(upToDate.map(({ ID }) => ID)),
      nodes,
      self: self.Swarm?.NodeID ?? '',
    };
  }
}

const sourceOf = (component: string, { Slot }: TaskAnswer) =>
  Slot === undefined ? component : `${component}.${Slot}`;

/** Services of a stack by label; none where the engine is no manager of a Swarm. */
export async function stackServices(docker: Docker, stack: string): Promise<ServiceAnswer[]> {
  const filters = { label: [`lakehouse.stack=${stack}`] };
  return unlessNoManager(docker.listServices({ filters }) as Promise<ServiceAnswer[]>);
}

/** Tasks of services, those that ended and are still remembered among them; with `filters` only some. */
export async function serviceTasks(
  docker: Docker,
  services: readonly { readonly ID: string }[],
  filters: Readonly<Record<string, string[]>> = {},
): Promise<TaskAnswer[]> {
  if (services.length === 0) return [];
  return docker.listTasks({ filters: { service: services.map(({ ID }) => ID), ...filters } });
}

/** An engine that is no manager answers questions about the Swarm with 503, or 406 when it is in none at all. */
export async function unlessNoManager<T>(answer: Promise<T[]>): Promise<T[]> {
  try {
    return await answer;
  } catch (error) {
    if ([406, 503].includes(statusOf(error) ?? 0)) return [];
    throw error;
  }
}

/** Splits the details, a list of `name=value`, from a line of a service's log; one of them names the task. */
export function taskLine({ time, text }: TimedLine): TimedLine & { readonly task: string } {
  const found = /^(\S*com\.docker\.swarm\.task\.id=(\w+)\S*) ([\s\S]*)$/.exec(text);
  return found === null
    ? { time, text, task: '' }
    : { time, text: found[3] ?? '', task: found[2] ?? '' };
}
