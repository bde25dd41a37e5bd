import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import type { Config } from './config.ts';

/**
 * Builds one image of this repository and returns it by content, so that a rebuilt image replaces its container
 * and an unchanged one does not. The image stays on the engine that built it.
 */
export function buildImage(
  name: string,
  config: Pick<Config, 'stack' | 'nodeImage' | 'imagePlatform'>,
  parent: pulumi.Resource,
  args: Readonly<Record<string, string>> = {},
): pulumi.Output<string> {
  const image = new docker.Image(
    name,
    {
      imageName: `lakehouse-mcp/${name}:${config.stack}`,
      build: {
        // Relative to the program's folder: an absolute path would make a difference on every machine.
        context: '..',
        dockerfile: `../images/${name}/Dockerfile`,
        platform: config.imagePlatform,
        args: { NODE_IMAGE: config.nodeImage, ...args },
      },
      skipPush: true,
    },
    { parent },
  );
  return image.repoDigest;
}

/**
 * Says where the base image comes from when that is a registry: the build's own error, where none answers, names
 * neither the setting nor the way out.
 */
export function announceBaseImage({ nodeImage }: Pick<Config, 'nodeImage'>): void {
  const fromRegistry = /^[^/]+[.:][^/]*\//.test(nodeImage);
  if (!fromRegistry || pulumi.runtime.isDryRun()) return;
  void pulumi.log.info(
    `The images are built on ${nodeImage} (setting nodeImage). If it cannot be pulled: "npm run up" builds a base ` +
      'from Debian packages, or name another with "pulumi config set nodeImage <image>".',
  );
}
