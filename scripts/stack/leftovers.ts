import type Docker from 'dockerode';
import { messageOf, orMissing, statusOf } from '../../local/engine-error.ts';
import { CommandError } from '../command-error.ts';
import { serviceTasks, stackServices, unlessNoManager } from './swarm.ts';

/** What a stack has on the engine, by label; a Swarm's token volume, which the engine makes unlabelled, by name. */
export interface Leftovers {
  readonly services: readonly string[];
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly secrets: readonly string[];
  readonly volumes: readonly string[];
}

/** Longest time that tasks may take to end, in ms: the longest stop grace, and what the manager takes besides. */
const TASKS_MS = 90_000;
/** Longest time that a network or volume stays in use after the last task, in ms. */
const IN_USE_MS = 30_000;
const PAUSE_MS = 300;

/** Holds the login token, on every node one of its own, in memory; it is no data. */
const tokenVolume = (stack: string) => `lakehouse-${stack}-token`;

export async function findLeftovers(docker: Docker, stack: string): Promise<Leftovers> {
  const filters = { label: [`lakehouse.stack=${stack}`] };
  const [services, containers, networks, secrets, volumes, token] = await Promise.all([
    stackServices(docker, stack),
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    unlessNoManager(docker.listSecrets({ filters })),
    docker.listVolumes({ filters }),
    orMissing(docker.getVolume(tokenVolume(stack)).inspect()),
  ]);
  const named = (volumes.Volumes ?? []).map(({ Name }) => Name);
  return {
    services: services.map(({ ID, Spec }) => Spec?.Name ?? ID),
    containers: containers.map(({ Id, Names }) => Names[0]?.replace(/^\//, '') ?? Id),
    networks: networks.map(({ Name }) => Name),
    secrets: secrets.map(({ ID, Spec }) => Spec?.Name ?? ID),
    volumes: token === undefined || named.includes(token.Name) ? named : [...named, token.Name],
  };
}

export const NOTHING: Leftovers = {
  services: [],
  containers: [],
  networks: [],
  secrets: [],
  volumes: [],
};

export const countOf = (left: Leftovers) =>
  Object.values(left).reduce((sum: number, names: readonly string[]) => sum + names.length, 0);

/** What of the leftovers may go while the stack's data stays: all but its volumes, of which the token's is no data. */
export const withoutData = (left: Leftovers, stack: string): Leftovers => ({
  ...left,
  volumes: left.volumes.filter((name) => name === tokenVolume(stack)),
});

/**
 * Removes them in the order in which they hold each other, and waits until what ends by itself has ended; what is
 * gone already is fine.
 */
export async function removeLeftovers(
  docker: Docker,
  left: Leftovers,
  progress: (text: string) => void = () => {},
): Promise<void> {
  for (const name of left.services) await orMissing(docker.getService(name).remove());
  for (const name of left.containers) {
    progress(name);
    await orMissing(docker.getContainer(name).remove({ force: true, v: true }));
  }
  for (const name of left.networks)
    await onceUnused(() => docker.getNetwork(name).remove(), progress, `network ${name}`);
  for (const name of left.secrets)
    await onceUnused(() => docker.getSecret(name).remove(), progress, `secret ${name}`);
  for (const name of left.volumes)
    await onceUnused(() => docker.getVolume(name).remove(), progress, `volume ${name}`);
}

/** Waits until no task of a stack runs any more, and the containers that they had on this engine are gone. */
export async function tasksGone(
  docker: Docker,
  stack: string,
  progress: (text: string) => void,
): Promise<void> {
  const filters = { label: [`lakehouse.stack=${stack}`] };
  const deadline = performance.now() + TASKS_MS;
  for (;;) {
    const services = await stackServices(docker, stack);
    const tasks = (await serviceTasks(docker, services)).filter(
      ({ Status }) => Status.State === 'running',
    );
    const containers = (await docker.listContainers({ all: true, filters })).filter(
      ({ Labels }) => Labels['com.docker.swarm.task.id'] !== undefined,
    );
    const count = tasks.length + containers.length;
    if (count === 0) return;
    if (performance.now() > deadline)
      throw new CommandError(`${count} tasks of the stack "${stack}" do not end.`, {
        advice: [
          'See them: docker ps --filter label=lakehouse.stack',
          'Then run it again: npm run down',
        ],
      });
    progress(`waiting for ${count} ${count === 1 ? 'task' : 'tasks'} to end`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/**
 * Engines take a moment to let go of what a removed task used, and refuse its removal until then (403, 409, 400). A
 * network that goes by itself at this moment, as overlays do with the last task on them, is "not found" with status 500.
 */
async function onceUnused(
  remove: () => Promise<unknown>,
  progress: (text: string) => void,
  what: string,
): Promise<void> {
  const deadline = performance.now() + IN_USE_MS;
  for (;;) {
    try {
      await orMissing(remove());
      return;
    } catch (error) {
      const status = statusOf(error) ?? 0;
      const busy =
        [400, 403, 409].includes(status) || (status === 500 && /not found/.test(messageOf(error)));
      if (!busy || performance.now() > deadline) throw error;
    }
    progress(`waiting until ${what} is out of use`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
