/** Waits for what a started container has to reach, and says why when it does not. */

import { finished } from 'node:stream/promises';
import type { Container, ContainerInspectInfo } from 'dockerode';
import { RunnerError } from '../errors.ts';
import type { Context } from '../resource-type.ts';
import type { ContainerInputs } from './container-inputs.ts';

const pollMs = 250;
/** How often a container that Docker has not asked yet is asked by the runner. */
const askMs = 1_000;
const answerMs = 5_000;
/** The provider's default of `waitTimeout`. */
const defaultWaitSeconds = 60;
const shownLines = 10;

/** Throws a RunnerError, with the last lines the container wrote, when it did not get there. */
export async function waitUntilReady(
  context: Context,
  container: Container,
  inputs: ContainerInputs,
): Promise<ContainerInspectInfo> {
  if (inputs.attach) return waitUntilEnded(context, container);
  if (inputs.wait) return waitUntilHealthy(context, container, inputs);
  const info = await container.inspect();
  if (!info.State.Running && (inputs.mustRun ?? true)) {
    throw await failure(container, info, `ended at once with exit status ${info.State.ExitCode}`);
  }
  return info;
}

async function waitUntilEnded(context: Context, container: Container) {
  context.progress('waiting until it has ended');
  const { StatusCode: status } = (await container.wait()) as { StatusCode: number };
  const info = await container.inspect();
  if (status !== 0) throw await failure(container, info, `ended with exit status ${status}`);
  return info;
}

async function waitUntilHealthy(context: Context, container: Container, inputs: ContainerInputs) {
  const seconds = inputs.waitTimeout ?? defaultWaitSeconds;
  const end = Date.now() + seconds * 1000;
  context.progress('waiting until healthy');
  let askedAt = Date.now();
  for (;;) {
    const info = await container.inspect();
    const { Running: running, Health: health, ExitCode: status } = info.State;
    if (running && health === undefined) {
      throw new RunnerError(
        'It has wait: true but no health check. Add a healthcheck to it or its image, or leave wait out.',
      );
    }
    if (running && health?.Status === 'healthy') return info;
    if (running && health?.Status === 'starting' && Date.now() - askedAt >= askMs) {
      if (await passesHealthCheck(container, info)) return container.inspect();
      askedAt = Date.now();
    }
    if (!running && (inputs.restart ?? 'no') === 'no') {
      throw await failure(
        container,
        info,
        `ended with exit status ${status} before it was healthy`,
      );
    }
    if (Date.now() > end) {
      throw await failure(
        container,
        info,
        `was not healthy within ${seconds} s (waitTimeout); its state is ${health?.Status ?? info.State.Status}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/**
 * Asks the container's own health check. Docker asks for the first time after a whole interval (before 25.0 it has no
 * shorter one for the start), and takes the first answer that is good.
 */
async function passesHealthCheck(
  container: Container,
  { Config }: ContainerInspectInfo,
): Promise<boolean> {
  const [kind, ...words] = Config.Healthcheck?.Test ?? [];
  const shell = kind === 'CMD-SHELL' ? ['/bin/sh', '-c'] : [];
  const abortSignal = AbortSignal.timeout(answerMs);
  try {
    const exec = await container.exec({
      Cmd: [...shell, ...words],
      AttachStdout: true,
      AttachStderr: true,
      abortSignal,
    });
    const output = await exec.start({ hijack: true, stdin: false, abortSignal });
    await finished(output.resume(), { signal: abortSignal });
    return (await exec.inspect()).ExitCode === 0;
  } catch {
    // It ended meanwhile, or does not answer: the next look at it says which.
    return false;
  }
}

async function failure(container: Container, info: ContainerInspectInfo, what: string) {
  const name = info.Name.replace(/^\//, '');
  const more = `The container ${what}. See more with: docker logs ${name}`;
  return new RunnerError([more, ...(await lastWords(container))].join('\n'));
}

/** What a container's last health check said, and what it last wrote; nothing where it is silent. */
export async function lastWords(container: Container): Promise<string[]> {
  const { State } = await container.inspect();
  const probe = State.Health?.Log.at(-1)?.Output.trim();
  const written = await container
    .logs({ stdout: true, stderr: true, tail: shownLines })
    .then((logs) => demultiplex(logs).trim())
    .catch(() => '');
  return [
    ...(probe ? [`Its last health check said: ${probe}`] : []),
    ...(written ? [`It last wrote:\n${written}`] : []),
  ];
}

/** The text of a log stream: frames of an 8-byte header and a body (API, ContainerAttach). */
export function demultiplex(stream: Buffer): string {
  const parts: Buffer[] = [];
  let at = 0;
  while (at + 8 <= stream.length) {
    const size = stream.readUInt32BE(at + 4);
    parts.push(stream.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  return Buffer.concat(parts).toString('utf8');
}
