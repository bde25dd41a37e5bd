import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import type { Config } from './config.ts';
import { isImageId, pinned } from './image-lock.ts';

type ImageConfig = Pick<Config, 'stack' | 'imagePlatform' | 'registry'>;

/**
 * Builds one image of this repository and returns it by content, so that a rebuilt image replaces its container
 * and an unchanged one does not. With a registry it is pushed there; else it stays on the engine that built it.
 * @param args build arguments, bases by `imageBase` among them
 */
export function buildImage(
  name: string,
  config: ImageConfig,
  parent: pulumi.Resource,
  args: Readonly<Record<string, string>>,
): pulumi.Output<string> {
  const { stack, registry, imagePlatform } = config;
  const repository = `${registry === undefined ? '' : `${registry.path}/`}lakehouse-mcp/${name}`;
  const image = new docker.Image(
    name,
    {
      imageName: `${repository}:${stack}`,
      build: {
        // Relative to the program's folder: an absolute path would make a difference on every machine.
        context: '..',
        dockerfile: `../images/${name}/Dockerfile`,
        platform: imagePlatform,
        args: { ...args },
        // BuildKit takes the ID of an image for the name of a repository "sha256" and looks for it at Docker Hub.
        ...(Object.values(args).some(isImageId)
          ? { builderVersion: docker.BuilderVersion.BuilderV1 }
          : {}),
      },
      skipPush: registry === undefined,
      ...(registry?.login === undefined
        ? {}
        : { registry: { server: registryHost(registry.path), ...registry.login } }),
    },
    { parent },
  );
  return image.repoDigest;
}

/** Host and port of a registry's path. */
export const registryHost = (path: string): string => path.split('/')[0] ?? path;

/** A base image by its digest, where the repository's lock file has one. */
export const imageBase = (reference: string): string => pinned(reference) ?? reference;

/**
 * Bases of a production stack without a digest: what one deployment was tested with is not what the next gets.
 * @throws pulumi.RunError unless it is a preview, which warns
 */
export function requirePins({ production, nodeImage, caddyImage }: Config): void {
  if (production === undefined) return;
  const loose = Object.entries({ nodeImage, caddyImage }).filter(
    ([, reference]) => pinned(reference) === undefined,
  );
  if (loose.length === 0) return;
  const message =
    `${loose.map(([key, reference]) => `"${key}" is ${reference}`).join(' and ')}, which may be another image tomorrow; ` +
    'production takes images by digest. Write them down: npm run pin';
  if (!pulumi.runtime.isDryRun()) throw new pulumi.RunError(message);
  void pulumi.log.warn(message);
}

/**
 * Says where the base image comes from when that is a registry: the build's own error, where none answers, names
 * neither the setting nor the way out.
 */
export function announceBaseImage({
  nodeImage,
  production,
}: Pick<Config, 'nodeImage' | 'production'>): void {
  const fromRegistry = /^[^/]+[.:][^/]*\//.test(nodeImage);
  if (!fromRegistry || pulumi.runtime.isDryRun()) return;
  const another = 'name another with "pulumi config set nodeImage <image>"';
  const help = production
    ? another
    : `"npm run up" builds a base from Debian packages, or ${another}`;
  void pulumi.log.info(
    `The images are built on ${nodeImage} (setting nodeImage). If it cannot be pulled: ${help}.`,
  );
}
