/** A stack as services of a Docker Swarm, seen from one of its managers. */
import type Docker from 'dockerode';
import { statusOf } from '../../local/engine-error.ts';
import { tagsOf } from './containers.ts';
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

  /** The manager gathers the logs of a service's tasks from all nodes. */
  async readLogs(request: LogRequest, onLine: (line: LoggedLine) => void): Promise<void> {
    const { services, tasks } = await this.#ask();
    const names = new Map(tasks.map(({ ID, Slot }) => [ID, Slot === undefined ? '' : `.${Slot}`]));
    const readers = services.flatMap(({ ID, Spec }) => {
      const component = Spec?.Labels?.['lakehouse.component'] ?? '?';
      if (request.component !== undefined && component !== request.component) return [];
      return [
        async (take: (line: LoggedLine) => void) => {
          const query = { ...logQuery(request), details: true };
          const answer = await this.docker.getService(ID).logs(query);
          await readLines(this.docker, answer as Buffer | NodeJS.ReadableStream, (line) => {
            const { task, ...rest } = taskLine(line);
            take({ ...rest, component, source: `${component}${names.get(task) ?? ''}` });
          });
        },
      ];
    });
    await merged(request.follow, readers, onLine);
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
