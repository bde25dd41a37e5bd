import type Dockerode from 'dockerode';
import { orMissing } from '../engine-error.ts';
import { allTasks } from './service-wait.ts';

const pollMs = 250;
/** Beyond the longest stop grace period, which Swarm itself enforces. */
const toleranceMs = 30_000;
/** The engine's default of `stopGracePeriod`. */
const defaultGraceMs = 10_000;

/**
 * Removes a service and waits until its tasks are gone, so that networks, volumes and ports are
 * free. Succeeds when it is already gone.
 */
export async function removeService(docker: Dockerode, id: string): Promise<void> {
  const service = docker.getService(id);
  const found = (await orMissing(service.inspect())) as { Spec: Dockerode.ServiceSpec } | undefined;
  if (found === undefined) return;
  const tasks = await allTasks(docker, id);
  await orMissing(service.remove());
  const { ContainerSpec } = (found.Spec.TaskTemplate ?? {}) as Dockerode.ContainerTaskSpec;
  const graceMs = (ContainerSpec?.StopGracePeriod ?? defaultGraceMs * 1e6) / 1e6;
  const end = Date.now() + graceMs + toleranceMs;
  // Of a service that is removed nothing can be listed, but each task can be looked at.
  for (const { ID } of tasks) {
    while (Date.now() < end && (await orMissing(docker.getTask(ID).inspect())) !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
  const label = `com.docker.swarm.service.id=${id}`;
  while (
    Date.now() < end &&
    (await docker.listContainers({ all: true, filters: { label: [label] } })).length > 0
  ) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
