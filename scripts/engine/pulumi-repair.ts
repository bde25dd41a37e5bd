import type { Stack } from '@pulumi/pulumi/automation/index.js';
import type Docker from 'dockerode';
import { removeLeftovers } from '../stack/leftovers.ts';

interface State {
  readonly resources?: readonly { readonly type: string; readonly id?: string }[];
  pending_operations?: readonly unknown[];
}

/**
 * Cleans up after a CLI that was killed while it made something: the state then has operations without an end, and the
 * engine may have containers and networks that the state does not know, whose names are in the way of new ones.
 * @returns names of what was removed
 */
export async function repairAfterKill(
  stack: Stack,
  docker: Docker,
  stackName: string,
): Promise<readonly string[]> {
  const exported = await stack.exportStack();
  const state: State = exported.deployment ?? {};
  if ((state.pending_operations ?? []).length === 0) return [];
  const known = new Set((state.resources ?? []).map(({ id }) => id));
  const filters = { label: [`lakehouse.stack=${stackName}`] };
  const containers = (await docker.listContainers({ all: true, filters }))
    .filter(({ Id }) => !known.has(Id))
    .map(({ Id, Names }) => Names[0]?.replace(/^\//, '') ?? Id);
  const networks = (await docker.listNetworks({ filters })).filter(({ Id }) => !known.has(Id));
  // A volume of the same name and options is taken over by the next run as it is. Networks go by id: the name of
  // one that is in the state may be the same.
  const ids = networks.map(({ Id }) => Id);
  await removeLeftovers(docker, { containers, networks: ids, volumes: [] });
  delete state.pending_operations;
  await stack.importStack({ ...exported, deployment: state });
  return [...containers, ...networks.map(({ Name }) => Name)];
}
