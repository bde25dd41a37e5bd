/** docker:index/image:Image (pulumi/pulumi-docker provider/image.go), built and kept on the engine. */

import { join, resolve } from 'node:path';
import { orMissing } from '../engine-error.ts';
import type { ResourceType } from '../resource-type.ts';
import { choice, listOf, mapOf, record, text } from '../shape.ts';
import { type BuildContext, contextDigest, readBuildContext } from './build-context.ts';
import { type Build, buildImage } from './image-build.ts';

interface Inputs {
  imageName: string;
  build: Build;
}

export const image: ResourceType = {
  fields: {
    imageName: text,
    build: record({
      args: mapOf(text),
      builderVersion: choice('BuilderBuildKit', 'BuilderV1'),
      context: text,
      dockerfile: text,
      platform: text,
      target: text,
      network: text,
      addHosts: listOf(text),
    }),
    skipPush: choice(true),
    buildOnPreview: choice(false),
  },
  // Without skipPush the provider pushes to a registry, which a try-out must not do.
  required: ['imageName', 'build', 'skipPush'],
  inPlace: 'all',
  autoNamed: false,

  async facts(context, inputs) {
    return {
      'files of the build context': await contextDigest(
        await findContext(context.programDir, inputs as unknown as Inputs),
      ),
    };
  },

  async look(context, stored) {
    const docker = await context.docker();
    const found = await orMissing(docker.getImage(stored.id).inspect());
    return found === undefined
      ? { is: 'missing', reason: 'it is gone from the engine' }
      : { is: 'as made' };
  },

  create: (context, { inputs }) => makeImage(context, inputs as unknown as Inputs),
  update: (context, _stored, { inputs }) => makeImage(context, inputs as unknown as Inputs),
  // As with the provider, images stay: they are a cache, and other containers may use them.
};

async function makeImage(
  context: Parameters<ResourceType['create']>[0],
  { imageName, build }: Inputs,
) {
  const docker = await context.docker();
  const files = await findContext(context.programDir, { imageName, build });
  const id = await buildImage(docker, imageName, build, files, context.progress);
  return {
    id,
    outputs: {
      repoDigest: id,
      baseImageName: imageName,
      registryServer: '',
      platform: build.platform,
      context: build.context ?? '.',
      dockerfile: build.dockerfile ?? join(build.context ?? '.', 'Dockerfile'),
    },
  };
}

/** Both paths are relative to the program's folder; the Dockerfile's default is in the context. */
function findContext(programDir: string, { build }: Inputs): Promise<BuildContext> {
  const directory = resolve(programDir, build.context ?? '.');
  const dockerfile =
    build.dockerfile === undefined
      ? join(directory, 'Dockerfile')
      : resolve(programDir, build.dockerfile);
  return readBuildContext(directory, dockerfile);
}
