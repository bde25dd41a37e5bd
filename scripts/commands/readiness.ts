import { CommandError, EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { checkEdge, type EdgeStatus } from '../mcp/edge.ts';
import type { Endpoint } from '../mcp/endpoint.ts';
import type { RunningStack } from '../stack/running.ts';
import { readinessOf } from '../stack/stack-status.ts';
import type { Display } from '../terminal/tasks.ts';

/** How long a stack may take from deployed to ready, in ms. */
const READY_MS = 120_000;
const PAUSE_MS = 500;

/**
 * Waits until every service says that a call would succeed now and, where there is an edge, it lets one through.
 * @throws CommandError (exit 4) with the reasons of those that do not
 */
export async function waitUntilReady(options: {
  running: RunningStack;
  /** The URL as it is reached from here; left out where it is not. */
  endpoint: Endpoint | undefined;
  display: Display;
  signal: AbortSignal;
}): Promise<void> {
  const { running, display, signal } = options;
  const { stack } = running;
  const task = display.task('Readiness');
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const { names, waiting } = await unready(running, options.endpoint);
    if (names.length > 0 && waiting.length === 0) return task.done(names.join(', '));
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
    task.progress(waiting[0] ?? 'waiting for the services');
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** What runs, and who is not ready with why. */
async function unready(running: RunningStack, endpoint: Endpoint | undefined) {
  const { instances, swarm } = await running.look();
  const waiting: string[] = [];
  for (const instance of instances) {
    const { ready, reasons } = await readinessOf(running.docker, instance);
    const why = reasons.map(({ message }) => message).join('; ');
    if (!ready) waiting.push(`${instance.component}: ${why}`);
  }
  for (const { component, running: there, wanted } of swarm?.services ?? [])
    if (there < wanted) waiting.push(`${component}: ${there} of ${wanted} run`);
  // Asked last: before everything behind it is ready it has nothing to say.
  if (swarm !== null && endpoint !== undefined && waiting.length === 0)
    waiting.push(...edgeProblem(await checkEdge(endpoint)));
  return { names: [...new Set(instances.map(({ component }) => component))], waiting };
}

const edgeProblem = ({ problem, url }: EdgeStatus) =>
  problem === null ? [] : [`${url}: ${problem}`];
