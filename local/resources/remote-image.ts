/** docker:index/remoteImage:RemoteImage: an image pulled from a registry without credentials. */

import { messageOf, orMissing } from '../engine-error.ts';
import { RunnerError } from '../errors.ts';
import { jsonLines } from '../json-lines.ts';
import type { ResourceType } from '../resource-type.ts';
import { choice, flag, listOf, mapOf, text } from '../shape.ts';

export const remoteImage: ResourceType = {
  fields: {
    name: text,
    platform: text,
    keepLocally: flag,
    forceRemove: choice(false),
    pullTriggers: listOf(text),
    triggers: mapOf(text),
  },
  required: ['name'],
  inPlace: ['keepLocally'],
  autoNamed: false,

  async look(context, stored) {
    const docker = await context.docker();
    const found = await orMissing(docker.getImage(stored.id).inspect());
    return found === undefined
      ? { is: 'missing', reason: 'it is gone from the engine' }
      : { is: 'as made' };
  },

  async create(context, { inputs }) {
    const docker = await context.docker();
    const name = String(inputs.name);
    const platform = inputs.platform;
    context.progress(`pulling ${name}`);
    try {
      const stream = await docker.pull(name, typeof platform === 'string' ? { platform } : {});
      for await (const { error } of jsonLines<{ error?: string }>(stream)) {
        if (error !== undefined) throw new Error(error);
      }
    } catch (error) {
      throw new RunnerError(`Cannot pull ${name}: ${messageOf(error)}`);
    }
    return describe(await docker.getImage(name).inspect());
  },

  update: async (context, stored) =>
    describe(await (await context.docker()).getImage(stored.id).inspect()),

  async delete(context, stored) {
    if (stored.inputs.keepLocally === true) return;
    await orMissing((await context.docker()).getImage(stored.id).remove());
  },
};

function describe(info: { Id: string; RepoDigests?: string[] }) {
  return { id: info.Id, outputs: { imageId: info.Id, repoDigest: info.RepoDigests?.[0] } };
}
