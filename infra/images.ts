import * as docker from '@pulumi/docker';
import type * as pulumi from '@pulumi/pulumi';
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
