import type Docker from 'dockerode';
import { CommandError, EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { isService, readiness, stackContainers } from '../stack/containers.ts';
import type { Display } from '../terminal/tasks.ts';

/** How long a stack may take from deployed to ready, in ms. */
const READY_MS = 120_000;
const PAUSE_MS = 500;

/**
 * Waits until every service says that a call would succeed now.
 * @throws CommandError (exit 4) with the reasons of those that do not
 */
export async function waitUntilReady(options: {
  docker: Docker;
  stack: string;
  display: Display;
  signal: AbortSignal;
}): Promise<void> {
  const { docker, stack, display, signal } = options;
  const task = display.task('Readiness');
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const services = (await stackContainers(docker, stack)).filter(isService);
    const waiting: string[] = [];
    for (const { id, component } of services) {
      const { ready, reasons } = await readiness(docker, id);
      if (!ready) waiting.push(`${component}: ${reasons.map(({ message }) => message).join('; ')}`);
    }
    if (services.length > 0 && waiting.length === 0) {
      task.done(services.map(({ component }) => component).join(', '));
      return;
    }
    signal.throwIfAborted();
    if (performance.now() > deadline) {
      task.failed();
      throw new CommandError('The stack is deployed and does not become ready.', {
        exitCode: EXIT.notReady,
        advice: [
          ...waiting.map((line) => `  ${line}`),
          `See more: ${commandFor(stack, 'status')} and ${commandFor(stack, 'logs')}`,
        ],
      });
    }
    task.progress(waiting[0] ?? 'waiting for the containers');
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
