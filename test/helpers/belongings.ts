import { docker } from './stack.ts';
import { noSwarm } from './swarm.ts';

/** Names, with ids where there are such, of what an engine has of a stack. */
export type Belongings = Readonly<
  Record<'containers' | 'networks' | 'volumes' | 'secrets' | 'services', readonly string[]>
>;

interface Thing {
  readonly name: string | undefined;
  readonly labels: Readonly<Record<string, string>> | null | undefined;
  /** Another than before when it was made anew. A volume has none: its CreatedAt is when its folder last changed. */
  readonly id?: string | undefined;
}

interface WithSpec {
  readonly ID?: string;
  readonly Spec?: { readonly Name?: string; readonly Labels?: Readonly<Record<string, string>> };
}

const thing = ({ ID: id, Spec }: WithSpec): Thing => ({
  name: Spec?.Name,
  labels: Spec?.Labels,
  id,
});

/** Everything that has the stack's label or a name of the stack's: what has only one of both is found as well. */
export async function belongingsOf(stack: string): Promise<Belongings> {
  const own = (things: readonly Thing[]) =>
    things
      .filter(
        ({ name, labels }) =>
          name?.startsWith(`lakehouse-${stack}-`) || labels?.['lakehouse.stack'] === stack,
      )
      .map(({ name, id }) => (id === undefined ? `${name}` : `${name} ${id}`))
      .sort();
  const [containers, networks, { Volumes }] = await Promise.all([
    docker.listContainers({ all: true }),
    docker.listNetworks(),
    docker.listVolumes() as Promise<{ Volumes: readonly VolumeSeen[] | null }>,
  ]);
  const [secrets, services] = (await noSwarm())
    ? [[], []]
    : await Promise.all([docker.listSecrets(), docker.listServices()]);
  return {
    containers: own(
      containers.map(({ Id: id, Names, Labels: labels }) => ({
        name: Names[0]?.slice(1),
        labels,
        id,
      })),
    ),
    networks: own(networks.map(({ Id: id, Name: name, Labels: labels }) => ({ name, labels, id }))),
    volumes: own((Volumes ?? []).map(({ Name: name, Labels: labels }) => ({ name, labels }))),
    secrets: own((secrets as readonly WithSpec[]).map(thing)),
    services: own((services as readonly WithSpec[]).map(thing)),
  };
}

interface VolumeSeen {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}
