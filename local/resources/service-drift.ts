import type Dockerode from 'dockerode';
import { canonical } from '../canonical.ts';

type Spec = Dockerode.ServiceSpec;

const container = ({ TaskTemplate }: Spec): Dockerode.ContainerSpec =>
  (TaskTemplate as Dockerode.ContainerTaskSpec | undefined)?.ContainerSpec ?? {};

/** What people change by hand, and what a roll back takes back; the rest of a specification comes back completed. */
const compared: readonly [string, (spec: Spec) => unknown][] = [
  ['image', (spec) => withoutDigest(container(spec).Image)],
  ['number of replicas', ({ Mode }) => Mode?.Replicated?.Replicas],
  ['environment', (spec) => [...(container(spec).Env ?? [])].sort()],
  ['arguments', (spec) => container(spec).Args ?? []],
  ['secrets', (spec) => (container(spec).Secrets ?? []).map(({ SecretID }) => SecretID).sort()],
];

/** How a service differs from what was made, in words; undefined when it does not. */
export function driftOf(made: Spec, found: Spec): string | undefined {
  const different = compared
    .filter(([, read]) => canonical(read(made) ?? null) !== canonical(read(found) ?? null))
    .map(([what]) => what);
  return different.length === 0 ? undefined : `changed on the Swarm since: ${different.join(', ')}`;
}

/** The engine may add a digest to a tag; an image by content has nothing else. */
function withoutDigest(image: string | undefined): string | undefined {
  return image?.replace(/^([^@]*:[^@/]+)@sha256:.*$/, '$1');
}
