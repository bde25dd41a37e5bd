/** What every group of tests of the production stack works with; `test/system/production.test.ts` deploys it once. */
import { connect, sqlRunner } from '../../helpers/mcp-client.ts';
import type { ProductionStack } from '../../helpers/production.ts';
import { docker } from '../../helpers/stack.ts';

export interface ProductionScene {
  readonly stack: ProductionStack;
  /** Reaches the stack's domain on this machine and believes its authority. */
  readonly here: typeof fetch;
}

/** Groups register their tests before the stack is there, so they get it by a call. */
export type Scene = () => ProductionScene;

export interface RunningTask {
  readonly Status: { readonly State: string; readonly ContainerStatus: { ContainerID: string } };
}

/** Tasks of a component that are to run, without those that were. */
export async function tasks({ stack }: ProductionScene, component: string): Promise<RunningTask[]> {
  const service = [`lakehouse-${stack.name}-${component}`];
  return docker.listTasks({ filters: { service, 'desired-state': ['running'] } });
}

/** One session, one query. @returns the rows @throws when the tool answers with an error */
export async function query(
  { stack, here }: ProductionScene,
  sql: string,
): Promise<readonly Record<string, unknown>[]> {
  const client = await connect(stack.url, await stack.key(), here);
  try {
    const { isError, rows, text } = await (await sqlRunner(client))(sql);
    if (isError) throw new Error(text);
    return rows;
  } finally {
    await client.close();
  }
}
