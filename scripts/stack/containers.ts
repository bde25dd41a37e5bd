/** A stack as plain containers on one engine. */
import type Docker from 'dockerode';
import { orMissing } from '../../local/engine-error.ts';
import { logQuery, merged, readLines } from './log-stream.ts';
import {
  byComponent,
  type Instance,
  type LoggedLine,
  type LogRequest,
  type Running,
  type RunningStack,
} from './running.ts';

export class ContainerStack implements RunningStack {
  readonly platform = 'containers';
  readonly docker: Docker;
  readonly stack: string;

  constructor(docker: Docker, stack: string) {
    this.docker = docker;
    this.stack = stack;
  }

  async look(): Promise<Running> {
    const filters = { label: [`lakehouse.stack=${this.stack}`] };
    const listed = await this.docker.listContainers({ all: true, filters });
    const details = await Promise.all(listed.map(({ Id }) => describe(this.docker, Id)));
    const instances = details
      .filter((container) => container !== undefined)
      .filter(isService)
      .sort(byComponent);
    return { instances, swarm: null };
  }

  async readLogs(request: LogRequest, onLine: (line: LoggedLine) => void): Promise<void> {
    const { instances } = await this.look();
    const wanted = instances.filter(
      ({ component }) => request.component === undefined || component === request.component,
    );
    const readers = wanted.map(
      ({ container, component }) =>
        (take: (line: LoggedLine) => void) =>
          readContainerLog(this.docker, container ?? '', request, (line) =>
            take({ ...line, component, source: component }),
          ),
    );
    await merged(request.follow, readers, onLine);
  }
}

/** Calls `onLine` with each line of a container's log; ends with the log, or never when it is followed. */
export async function readContainerLog(
  docker: Docker,
  id: string,
  options: { follow: boolean; tail: number },
  onLine: (line: { time: string; text: string }) => void,
): Promise<void> {
  const container = docker.getContainer(id);
  const query = logQuery(options);
  const answer = options.follow
    ? await container.logs({ ...query, follow: true })
    : await container.logs({ ...query, follow: false });
  await readLines(docker, answer, onLine);
}

/** A service runs for good; the other containers only fill its volume with secrets and end. */
const isService = ({ component }: Instance) => !component.endsWith('-secrets');

async function describe(docker: Docker, id: string): Promise<Instance | undefined> {
  const inspect = await orMissing(docker.getContainer(id).inspect());
  if (inspect === undefined) return undefined;
  const { Config, HostConfig, Name, RestartCount, State } = inspect;
  return {
    component: Config.Labels['lakehouse.component'] ?? '?',
    name: Name.replace(/^\//, ''),
    node: null,
    container: id,
    state: State.Status,
    health: State.Health?.Status ?? null,
    error: State.Error || null,
    exitCode: State.ExitCode,
    restarts: RestartCount,
    startedAt: State.StartedAt,
    image: inspect.Image,
    imageTags: await tagsOf(docker, inspect.Image),
    ports: Object.values(HostConfig.PortBindings ?? {}).flatMap((bindings) =>
      ((bindings ?? []) as { HostIp?: string; HostPort?: string }[]).map(
        ({ HostIp, HostPort }) => `${HostIp || '0.0.0.0'}:${HostPort}`,
      ),
    ),
    outOfMemory: State.OOMKilled,
  };
}

/** Names that an image on the engine goes by. */
export async function tagsOf(docker: Docker, image: string): Promise<readonly string[]> {
  const found = await docker
    .getImage(image)
    .inspect()
    .catch(() => undefined);
  return found?.RepoTags ?? [];
}
