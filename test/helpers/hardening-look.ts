/** What a container really is: inspect data of the engine, and what its processes see of themselves. */
import type { ContainerInspectInfo, ImageInspectInfo } from 'dockerode';
import type { PlatformName } from '../../infra/rules/exceptions.ts';
import { docker, execute } from './stack.ts';

/** One process, by field of `/proc/<pid>/status` (proc(5)). */
export type ProcessStatus = Readonly<Record<string, string>>;

export interface Inside {
  readonly processes: readonly ProcessStatus[];
  /** Soft and hard limit of process 1 by name, as `/proc/1/limits` shows them. */
  readonly limits: Readonly<Record<string, readonly [string, string]>>;
  /** What an attempt to write to the root folder ended with; empty when it worked. */
  readonly rootWrite: string;
  /** Options of the mount at /tmp; empty when nothing is mounted there. */
  readonly temporary: readonly string[];
  readonly setuidFiles: readonly string[];
  readonly secrets: readonly {
    readonly path: string;
    readonly mode: string;
    readonly uid: string;
  }[];
}

export interface SwarmService {
  readonly restart: { readonly condition: string; readonly maxAttempts: number };
}

export interface Seen {
  readonly platform: PlatformName;
  readonly component: string;
  readonly container: ContainerInspectInfo;
  readonly image: ImageInspectInfo;
  /** Only while it runs; a filler of secret files has ended. */
  readonly inside?: Inside;
  /** Only on Swarm. */
  readonly service?: SwarmService;
  /** Names of the security modules that the engine's machine has. */
  readonly engine: readonly string[];
}

const MARK = '--8<--';
/** Plain sh, which every image has; `cat` of a process that ended meanwhile says nothing. */
const LOOK = `
  for folder in /proc/[0-9]*; do echo '${MARK} status'; cat $folder/status 2>/dev/null; done
  echo '${MARK} limits'; cat /proc/1/limits
  echo '${MARK} root'; (: > /.probe) 2>&1
  echo '${MARK} mounts'; cat /proc/mounts
  echo '${MARK} secrets'; for file in /run/secrets/*; do stat -c '%n %a %u' "$file" 2>/dev/null; done
  true`;
/**
 * As root, which reads every folder of the image also without capabilities. What it finds of the root folder shows that
 * this `find` can search by permissions.
 */
const SEARCH =
  'find / -maxdepth 0 -perm /0111 | grep -q / && { find / -xdev -type f -perm /6000; true; }';

async function lookInside(id: string): Promise<Inside> {
  // One after the other: the search runs as another user than the service.
  const looked = await execute(id, ['sh', '-c', LOOK]);
  const searched = await execute(id, ['sh', '-c', SEARCH], { user: '0' });
  const parts = looked
    .split(MARK)
    .slice(1)
    .map((part) => {
      const [title = '', ...lines] = part.trim().split('\n');
      return { title: title.trim(), lines };
    });
  const linesOf = (title: string) => parts.find((part) => part.title === title)?.lines ?? [];
  return {
    processes: parts
      .filter(({ title, lines }) => title === 'status' && lines.length > 0)
      .map(({ lines }) => statusOf(lines)),
    limits: Object.fromEntries(linesOf('limits').slice(1).map(limitOf)),
    rootWrite: linesOf('root').join('\n'),
    temporary:
      linesOf('mounts')
        .map((line) => line.split(' '))
        .find(([, path]) => path === '/tmp')?.[3]
        ?.split(',') ?? [],
    setuidFiles: searched.split('\n').filter((path) => path !== ''),
    secrets: linesOf('secrets').map((line) => {
      const [path = '', mode = '', uid = ''] = line.split(' ');
      return { path, mode, uid };
    }),
  };
}

const statusOf = (lines: readonly string[]): ProcessStatus =>
  Object.fromEntries(
    lines.map((line) => {
      const [field = '', ...rest] = line.split(':');
      return [field, rest.join(':').trim()];
    }),
  );

/** `Max open files            4096                 4096                 files`, in columns. */
const limitOf = (line: string): [string, readonly [string, string]] => {
  const [name = '', soft = '', hard = ''] = line.split(/\s{2,}/);
  return [name, [soft, hard]];
};

/** Everything there is to see of one container. */
export async function look(id: string, platform: PlatformName): Promise<Seen> {
  const container = await docker.getContainer(id).inspect();
  const { Labels } = container.Config;
  const service = Labels['com.docker.swarm.service.id'];
  const { SecurityOptions = [] } = (await docker.info()) as { SecurityOptions?: string[] };
  return {
    platform,
    component: Labels['lakehouse.component'] ?? container.Name,
    container,
    image: await docker.getImage(container.Image).inspect(),
    ...(container.State.Running ? { inside: await lookInside(id) } : {}),
    ...(service === undefined ? {} : { service: await lookAtService(service) }),
    engine: SecurityOptions.map((option) => /name=(\w+)/.exec(option)?.[1] ?? ''),
  };
}

async function lookAtService(id: string): Promise<SwarmService> {
  const { Spec } = (await docker.getService(id).inspect()) as {
    Spec: {
      TaskTemplate: { RestartPolicy?: { Condition?: string; MaxAttempts?: number } };
    };
  };
  const { Condition = 'any', MaxAttempts = 0 } = Spec.TaskTemplate.RestartPolicy ?? {};
  return { restart: { condition: Condition, maxAttempts: MaxAttempts } };
}

/** Ids of all containers of a stack, those of the past among them where they are no tasks of Swarm. */
export async function containersOf(stack: string, platform: PlatformName): Promise<string[]> {
  const found = await docker.listContainers({
    all: platform === 'containers',
    filters: { label: [`lakehouse.stack=${stack}`] },
  });
  return found.map(({ Id }) => Id);
}
