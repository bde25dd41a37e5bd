/** docker:index/secret:Secret (terraform-provider-docker resource_docker_secret.go). */

import type Dockerode from 'dockerode';
import { messageOf, orMissing } from '../engine-error.ts';
import { RunnerError } from '../errors.ts';
import { fingerprintLabel } from '../fingerprint.ts';
import { labelMap, labelsShape } from '../labels.ts';
import type { Context, ResourceType, Wanted } from '../resource-type.ts';
import { text } from '../shape.ts';

/** Swarm takes less than this (moby/swarmkit manager/controlapi/secret.go, MaxSecretSize). */
const maximumBytes = 500 * 1024;

/** What GET /secrets says of one; its data never comes back. */
interface SecretInfo {
  ID: string;
  Spec: { Name: string; Labels?: Record<string, string> };
}

export const secret: ResourceType = {
  fields: { name: text, data: text, labels: labelsShape },
  required: ['data'],
  // Swarm can change none of it. Without a name the users move to a new one and the old one goes.
  inPlace: [],
  autoNamed: true,
  check: ({ data }) => dataProblems(String(data)),

  async look(context, stored) {
    const docker = await context.docker();
    const found = (await orMissing(docker.getSecret(stored.id).inspect())) as
      | SecretInfo
      | undefined;
    if (found === undefined) return { is: 'missing', reason: 'it is gone from the Swarm' };
    return found.Spec.Labels?.[fingerprintLabel] === stored.label
      ? { is: 'as made' }
      : { is: 'altered', reason: 'its label is not the one it was made with' };
  },

  async create(context, wanted) {
    const docker = await context.docker();
    await removeLeftovers(context, docker, wanted);
    const { inputs, name, label } = wanted;
    // Without _body the client would also write all of it into the address.
    const made: { id: string } = await docker.createSecret({
      _query: {},
      _body: { Name: name, Labels: labelMap(inputs.labels, label), Data: inputs.data },
    });
    wanted.begun(made.id, label);
    return { id: made.id, outputs: { name } };
  },

  async delete(context, stored) {
    const docker = await context.docker();
    await orMissing(docker.getSecret(stored.id).remove());
  },
};

/** What is wrong with the data, without showing it. */
export function dataProblems(data: string): string[] {
  const isBase64 = /^[A-Za-z0-9+/]*={0,2}$/.test(data) && data.length % 4 === 0;
  if (!isBase64) {
    return ['data must be standard base64, padded with "=" (Buffer.from(text).toString("base64"))'];
  }
  const bytes = Buffer.byteLength(data, 'base64');
  return bytes > 0 && bytes < maximumBytes
    ? []
    : [`data must be between 1 and ${maximumBytes - 1} bytes before base64; it has ${bytes}`];
}

/** A run that was killed may have left secrets that the state does not know, under whatever name. */
async function removeLeftovers(context: Context, docker: Dockerode, { name }: Wanted) {
  const all = (await docker.listSecrets()) as unknown as SecretInfo[];
  const left = all.filter(
    ({ ID, Spec }) => context.isOwn(Spec.Labels?.[fingerprintLabel]) && !context.isKnown(ID),
  );
  for (const { ID, Spec } of left) {
    await orMissing(docker.getSecret(ID).remove()).catch((error) =>
      context.warn(
        `The secret "${Spec.Name}", which an earlier run left, cannot be removed: ${messageOf(error)}. ` +
          `Once nothing needs it: docker secret rm ${Spec.Name}`,
      ),
    );
  }
  const inTheWay = all.find((secret) => secret.Spec.Name === name && !left.includes(secret));
  if (inTheWay === undefined) return;
  throw new RunnerError(
    `A secret named "${name}" is there already. If nothing needs it, remove it (docker secret rm ${name}); ` +
      'or leave name out, so that each change makes a new one.',
  );
}
