/** Runs one build on the engine and follows what it says. */

import type Dockerode from 'dockerode';
import type { ImageBuildOptions } from 'dockerode';
import { messageOf } from '../engine-error.ts';
import { RunnerError } from '../errors.ts';
import { type BuildContext, contextArchive } from './build-context.ts';

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

/** How much of a failed build's output is shown. */
const shownLines = 30;

/** A line of a build's output: a step's title, or what a command in it wrote. */
interface BuildEvent {
  stream?: string;
  status?: string;
  error?: string;
}

/** Builds and tags an image; returns its id on the engine (`sha256:…`). */
export async function buildImage(
  docker: Dockerode,
  tag: string,
  build: Build,
  context: BuildContext,
  progress: (message: string) => void,
): Promise<string> {
  const lines: string[] = [];
  const onEvent = (event: BuildEvent) => {
    for (const line of (event.stream ?? '').split('\n').filter((text) => text.trim() !== '')) {
      lines.push(line);
      const step = stepTitle(line);
      if (step !== undefined) progress(step);
    }
  };
  const fail = (why: string) =>
    new RunnerError(
      [`The build of "${tag}" failed: ${why}`, ...lines.slice(-shownLines)].join('\n'),
    );
  let events: BuildEvent[];
  try {
    const stream = await docker.buildImage(
      contextArchive(context) as unknown as NodeJS.ReadableStream,
      buildOptions(tag, build, context.dockerfile),
    );
    events = await follow(docker, stream, onEvent);
  } catch (error) {
    throw fail(messageOf(error));
  }
  const failed = events.find(({ error }) => error !== undefined);
  if (failed?.error !== undefined) throw fail(failed.error);
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

function follow(
  docker: Dockerode,
  stream: NodeJS.ReadableStream,
  onEvent: (event: BuildEvent) => void,
): Promise<BuildEvent[]> {
  // Not in @types/dockerode yet: follows builds of both builders and decodes BuildKit's trace.
  const { followProgress } = docker as unknown as {
    followProgress(
      stream: NodeJS.ReadableStream,
      finished: (error: Error | null, events: BuildEvent[]) => void,
      progress: (event: BuildEvent) => void,
    ): void;
  };
  return new Promise((resolve, reject) => {
    followProgress(
      stream,
      (error, events) => (error === null ? resolve(events) : reject(error)),
      onEvent,
    );
  });
}

/** `[2/5] RUN …` of BuildKit (after its digest in brackets) or `Step 2/5 : RUN …` of the old builder. */
function stepTitle(line: string): string | undefined {
  return (
    /^\[sha256:\w+\] (\[.*)$/.exec(line)?.[1] ??
    /^(Step \d+\/\d+ : .*)$/.exec(line)?.[1] ??
    undefined
  );
}
