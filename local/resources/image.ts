/** docker:index/image:Image (pulumi/pulumi-docker provider/image.go): built, and pushed when there is a registry. */

import { join, resolve } from 'node:path';
import { orMissing } from '../engine-error.ts';
import type { Context, ResourceType } from '../resource-type.ts';
import { choice, flag, listOf, mapOf, record, text } from '../shape.ts';
import { type BuildContext, contextDigest, readBuildContext } from './build-context.ts';
import { type Build, buildImage } from './image-build.ts';
import { checkLogin, hostOf, pushImage, type Registry, repositoryOf } from './image-push.ts';

interface Inputs {
  imageName: string;
  build: Build;
  registry?: Registry;
  /** False by default: the image is pushed. */
  skipPush?: boolean;
}

/** In the form that the id of an image has, before there is one. */
const someDigest = `sha256:${'0'.repeat(64)}`;

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
    registry: record({ server: text, username: text, password: text }, ['server']),
    skipPush: flag,
    buildOnPreview: choice(false),
  },
  required: ['imageName', 'build'],
  inPlace: 'all',
  autoNamed: false,
  check: (inputs) => problems(inputs as unknown as Inputs),
  foreseen: (inputs) => {
    const { imageName, skipPush } = inputs as unknown as Inputs;
    return { repoDigest: skipPush ? someDigest : `${repositoryOf(imageName)}@${someDigest}` };
  },

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

function problems({ imageName, registry, skipPush }: Inputs): string[] {
  if (skipPush) return [];
  if (registry === undefined) {
    return /^([^/]*[.:][^/]*|localhost)\//.test(imageName)
      ? []
      : ['imageName must begin with the registry that it is pushed to, or skipPush be true'];
  }
  const host = hostOf(registry.server);
  return imageName.startsWith(`${host}/`)
    ? []
    : [`imageName must begin with the registry that it is pushed to, "${host}/"`];
}

async function makeImage(context: Context, { imageName, build, registry, skipPush }: Inputs) {
  const docker = await context.docker();
  const target = skipPush ? undefined : (registry ?? { server: imageName });
  // Before the build, which may take long, and whose result could not be used.
  if (target !== undefined) await checkLogin(docker, target);
  const files = await findContext(context.programDir, { build });
  const id = await buildImage(docker, imageName, build, files, context.progress);
  const digest =
    target && (await pushImage(docker, imageName, target, (message) => context.progress(message)));
  return {
    id,
    outputs: {
      repoDigest: digest === undefined ? id : `${repositoryOf(imageName)}@${digest}`,
      baseImageName: imageName,
      registryServer: target?.server ?? '',
      platform: build.platform,
      context: build.context ?? '.',
      dockerfile: build.dockerfile ?? join(build.context ?? '.', 'Dockerfile'),
    },
  };
}

/** Both paths are relative to the program's folder; the Dockerfile's default is in the context. */
function findContext(programDir: string, { build }: Pick<Inputs, 'build'>): Promise<BuildContext> {
  const directory = resolve(programDir, build.context ?? '.');
  const dockerfile =
    build.dockerfile === undefined
      ? join(directory, 'Dockerfile')
      : resolve(programDir, build.dockerfile);
  return readBuildContext(directory, dockerfile);
}
