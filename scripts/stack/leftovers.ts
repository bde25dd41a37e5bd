import type Docker from 'dockerode';
import { isNotFound } from './containers.ts';

/** What a stack has on the engine, by label. */
export interface Leftovers {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

export async function findLeftovers(docker: Docker, stack: string): Promise<Leftovers> {
  const filters = { label: [`lakehouse.stack=${stack}`] };
  const [containers, networks, volumes] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters }),
  ]);
  return {
    containers: containers.map(({ Id, Names }) => Names[0]?.replace(/^\//, '') ?? Id),
    networks: networks.map(({ Name }) => Name),
    volumes: (volumes.Volumes ?? []).map(({ Name }) => Name),
  };
}

/** Removes them: containers first, since they hold the others; what is gone already is fine. */
export async function removeLeftovers(docker: Docker, left: Leftovers): Promise<void> {
  const gone = async (action: Promise<unknown>) => {
    await action.catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  };
  for (const name of left.containers)
    await gone(docker.getContainer(name).remove({ force: true, v: true }));
  for (const name of left.networks) await gone(docker.getNetwork(name).remove());
  for (const name of left.volumes) await gone(docker.getVolume(name).remove());
}
