/** What every group of tests of the production stack works with; `test/system/production.test.ts` deploys it once. */
import type Docker from 'dockerode';
import { type Callers, startCallers } from '../../helpers/callers.ts';
import { agentHere } from '../../helpers/fetch-at.ts';
import { connect, sqlArgument, sqlRunner } from '../../helpers/mcp-client.ts';
import type { ProductionStack } from '../../helpers/production.ts';
import { docker, eventually } from '../../helpers/stack.ts';

export interface ProductionScene {
  readonly stack: ProductionStack;
  /** Reaches the stack's domain on this machine and believes its authority. */
  readonly here: typeof fetch;
}

/** Groups register their tests before the stack is there, so they get it by a call. */
export type Scene = () => ProductionScene;

export interface RunningTask {
  readonly ID: string;
  readonly Status: { readonly State: string; readonly ContainerStatus: { ContainerID: string } };
}

/** How many tasks of each component run when nothing is wrong. */
const WHOLE = { edge: 1, refresher: 1, proxy: 2 } as const;
export type Component = keyof typeof WHOLE;
export const COMPONENTS = Object.keys(WHOLE) as Component[];
/** Until a component that lost a task has another that is healthy. */
const WHOLE_AGAIN_MS = 90_000;

export const serviceName = ({ stack }: ProductionScene, component: string) =>
  `lakehouse-${stack.name}-${component}`;

/** Tasks of a component that are to run, without those that were. */
export async function tasks(scene: ProductionScene, component: string): Promise<RunningTask[]> {
  const service = [serviceName(scene, component)];
  return docker.listTasks({ filters: { service, 'desired-state': ['running'] } });
}

/** Ids of all tasks that are to run, which change when one is replaced. */
export async function taskIds(scene: ProductionScene, components = COMPONENTS): Promise<string[]> {
  const all = await Promise.all(components.map((one) => tasks(scene, one)));
  return all
    .flat()
    .map(({ ID }) => ID)
    .sort();
}

interface UpdateStatus {
  readonly State: string;
}

/** What an update is in while the Swarm still watches its tasks: one that ends then counts as a failed update. */
const UNDER_WAY = new Set(['updating', 'rollback_started']);

/** Waits until a component has all its tasks, healthy, and no update of it is under way. */
export async function whole(scene: ProductionScene, component: Component): Promise<void> {
  await eventually(
    `${component} is whole`,
    async () => {
      const service = await docker.getService(serviceName(scene, component)).inspect();
      if (UNDER_WAY.has((service as { UpdateStatus?: UpdateStatus }).UpdateStatus?.State ?? ''))
        return false;
      const found = await tasks(scene, component);
      const running = found.filter(({ Status }) => Status.State === 'running');
      return found.length === WHOLE[component] && running.length === found.length;
    },
    WHOLE_AGAIN_MS,
  );
}

/** Replaces a component's tasks by equal ones, as `docker service update --force` does; does not wait for it. */
export async function forceUpdate(scene: ProductionScene, component: Component): Promise<void> {
  const service = docker.getService(serviceName(scene, component));
  const { Spec, Version } = (await service.inspect()) as {
    Spec: Docker.ServiceSpec;
    Version: { Index: number };
  };
  const { ForceUpdate = 0, ...template } = Spec.TaskTemplate ?? {};
  const TaskTemplate = { ...template, ForceUpdate: ForceUpdate + 1 };
  // Without _body the client would also write the specification into the address.
  await service.update({ _query: { version: Version.Index }, _body: { ...Spec, TaskTemplate } });
}

/**
 * One session, one query.
 * @param key asked of the stack when left out
 * @returns the rows
 * @throws Error when the tool answers with an error
 */
export async function query(
  { stack, here }: ProductionScene,
  sql: string,
  key?: string,
): Promise<readonly Record<string, unknown>[]> {
  const client = await connect(stack.url, key ?? (await stack.key()), here);
  try {
    const { isError, rows, text } = await (await sqlRunner(client))(sql);
    if (isError) throw new Error(text);
    return rows;
  } finally {
    await client.close();
  }
}

/** Begins to call the stack, by 16 clients at once. */
export async function call({ stack, here }: ProductionScene, seed = 1): Promise<Callers> {
  const key = await stack.key();
  const client = await connect(stack.url, key, here);
  const argument = await sqlArgument(client);
  await client.close();
  const agent = agentHere(stack.ca);
  return startCallers({ url: stack.url, key, agent, sqlArgument: argument, seed });
}
