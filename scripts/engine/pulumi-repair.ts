import type { Stack } from '@pulumi/pulumi/automation/index.js';
import type Docker from 'dockerode';
import { NOTHING, removeLeftovers } from '../stack/leftovers.ts';
import { stackServices } from '../stack/swarm.ts';

interface State {
  readonly resources?: readonly { readonly type: string; readonly id?: string }[];
  pending_operations?: readonly unknown[];
}

/**
 * Cleans up after a CLI that was killed while it made something: the state then has operations without an end, and the
 * engine may have containers, services and networks that the state does not know, whose names are in the way of new ones.
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
  // Containers of Swarm tasks are the Swarm's to make and remove.
  const containers = (await docker.listContainers({ all: true, filters }))
    .filter(({ Id, Labels }) => !known.has(Id) && !('com.docker.swarm.task.id' in Labels))
    .map(({ Id, Names }) => Names[0]?.replace(/^\//, '') ?? Id);
  const networks = (await docker.listNetworks({ filters })).filter(({ Id }) => !known.has(Id));
  const services = (await stackServices(docker, stackName))
    .filter(({ ID }) => !known.has(ID))
    .map(({ ID, Spec }) => Spec?.Name ?? ID);
  // A volume of the same name and options is taken over by the next run as it is. Networks go by id: the name of
  // one that is in the state may be the same.
  const ids = networks.map(({ Id }) => Id);
  await removeLeftovers(docker, { ...NOTHING, services, containers, networks: ids });
  delete state.pending_operations;
  await stack.importStack({ ...exported, deployment: state });
  return [...services, ...containers, ...networks.map(({ Name }) => Name)];
}
