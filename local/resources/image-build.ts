/** Runs one build on the engine. */

import type Dockerode from 'dockerode';
import type { ImageBuildOptions } from 'dockerode';
import { messageOf } from '../engine-error.ts';
import { RunnerError } from '../errors.ts';
import { jsonLines } from '../json-lines.ts';
import { type BuildContext, contextArchive } from './build-context.ts';
import { type BuildEvent, BuildLog } from './build-log.ts';

/** The provider's `build` input (pulumi/pulumi-docker, DockerBuild). */
export interface Build {
  args?: Record<string, string>;
  builderVersion?: 'BuilderBuildKit' | 'BuilderV1';
  context?: string;
  dockerfile?: string;
  platform?: string;
  target?: string;
  network?: string;
  addHosts?: string[];
}

/**
 * Builds and tags an image; returns its id on the engine (`sha256:…`). Throws a RunnerError with
 * what the failed step wrote.
 */
export async function buildImage(
  docker: Dockerode,
  tag: string,
  build: Build,
  context: BuildContext,
  progress: (message: string) => void,
): Promise<string> {
  const log = new BuildLog(progress);
  try {
    const stream = await docker.buildImage(
      contextArchive(context) as unknown as NodeJS.ReadableStream,
      buildOptions(tag, build, context.dockerfile),
    );
    for await (const event of jsonLines<BuildEvent>(stream)) log.read(event);
  } catch (error) {
    throw new RunnerError(`The build of "${tag}" failed: ${messageOf(error)}`);
  }
  if (log.error !== undefined) {
    throw new RunnerError(
      `The build of "${tag}" failed: ${log.error}\n${log.failedOutput()}`.trim(),
    );
  }
  return (await docker.getImage(tag).inspect()).Id;
}

/** Query of POST /build. */
export function buildOptions(tag: string, build: Build, dockerfile: string): ImageBuildOptions {
  return {
    t: tag,
    dockerfile,
    version: build.builderVersion === 'BuilderV1' ? '1' : '2',
    rm: true,
    forcerm: true,
    ...(build.args === undefined ? {} : { buildargs: build.args }),
    ...(build.platform === undefined ? {} : { platform: build.platform }),
    ...(build.target === undefined ? {} : { target: build.target }),
    ...(build.network === undefined ? {} : { networkmode: build.network }),
    // One parameter per host, which dockerode's types do not foresee.
    ...(build.addHosts === undefined ? {} : { extrahosts: build.addHosts as unknown as string }),
  };
}
