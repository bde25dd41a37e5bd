import type Docker from 'dockerode';
import { docker } from './stack.ts';

/** Why tests on Swarm are skipped, for `skip`; `false` when they are not. */
export async function noSwarm(): Promise<string | false> {
  const { Swarm } = await docker.info();
  return Swarm?.LocalNodeState === 'active' && Swarm.ControlAvailable
    ? false
    : 'SKIPPED: this Docker engine is no Swarm manager (docker swarm init)';
}

/** Labels the only node, if nobody did; without the label nothing would be placed. */
export async function labelNode(): Promise<void> {
  const [node] = (await docker.listNodes()) as (Docker.Node & {
    ID: string;
    Version: { Index: number };
    Spec: { Labels: Record<string, string> };
  })[];
  if (node === undefined || node.Spec.Labels.lakehouse === 'true') return;
  await docker.getNode(node.ID).update({
    ...node.Spec,
    Labels: { ...node.Spec.Labels, lakehouse: 'true' },
    version: node.Version.Index,
  });
}
