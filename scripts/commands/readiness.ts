import { CommandError, EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { checkEdge, type EdgeStatus } from '../mcp/edge.ts';
import type { Endpoint } from '../mcp/endpoint.ts';
import { type RunningStack, type Service, updateTrouble } from '../stack/running.ts';
import { readinessOf } from '../stack/stack-status.ts';
import type { Display } from '../terminal/tasks.ts';

/** How long a stack may take from deployed to ready, in ms. */
const READY_MS = 120_000;
/** How long updates of a Swarm may be under way besides, in ms: it takes one task of each service after the other. */
const UPDATES_MS = 600_000;
const PAUSE_MS = 500;

/** How the last update of each service of a Swarm went, by the service's name. */
export type Updates = ReadonlyMap<string, string>;

const updateWords = ({ update }: Service) => `${update?.state} ${update?.since}`;

/** To be asked before a deployment, so that an update which failed earlier is not taken for one of it. */
export async function updatesOf(running: RunningStack): Promise<Updates> {
  const { swarm } = await running.look();
  return new Map((swarm?.services ?? []).map((service) => [service.name, updateWords(service)]));
}

/**
 * Waits until every update is through, every service says that a call would succeed now and, where there is an edge, it
 * lets one through.
 * @throws CommandError with the reasons: at once for an update that failed (exit 1), in the end for the others (exit 4)
 */
export async function waitUntilReady(options: {
  running: RunningStack;
  before: Updates;
  /** The URL as it is reached from here; left out where it is not. */
  endpoint: Endpoint | undefined;
  display: Display;
  signal: AbortSignal;
}): Promise<void> {
  const { running, display, signal } = options;
  const { stack } = running;
  const task = display.task('Readiness');
  const begun = performance.now();
  let settled = begun;
  for (;;) {
    const { names, waiting, services } = await unready(running, options.endpoint);
    const failed = services.filter((service) => failedSince(options.before, service));
    if (failed.length > 0) {
      task.failed();
      throw updateError(failed, stack);
    }
    if (names.length > 0 && waiting.length === 0) return task.done(names.join(', '));
    signal.throwIfAborted();
    const now = performance.now();
    if (services.some(isUnderWay) && now < begun + UPDATES_MS) settled = now;
    if (now > settled + READY_MS) {
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

const isUnderWay = ({ update }: Service) =>
  update?.state === 'updating' || update?.state === 'rollback_started';

const failedSince = (before: Updates, service: Service) =>
  !isUnderWay(service) &&
  updateTrouble(service.update?.state ?? '') !== undefined &&
  before.get(service.name) !== updateWords(service);

function updateError(failed: readonly Service[], stack: string): CommandError {
  const names = failed.map(({ component }) => component).join(' and ');
  return new CommandError(`The update of ${names} did not take.`, {
    advice: [
      ...failed.flatMap(serviceTrouble),
      `See more: ${commandFor(stack, 'status')} and ${commandFor(stack, 'logs', failed[0]?.component)}`,
    ],
  });
}

/** What is wrong with a service of a Swarm, in lines; none where nothing is. */
export function serviceTrouble({ component, update, failure, running, wanted }: Service): string[] {
  const trouble = update === null ? undefined : updateTrouble(update.state);
  if (trouble === undefined && running >= wanted) return [];
  return [
    `${component}: ${trouble ?? `${running} of ${wanted} tasks run`}.`,
    ...(failure === null ? [] : [`  its last failed task, on ${failure.node}: ${failure.error}`]),
  ];
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
  const services = swarm?.services ?? [];
  for (const { component, running: there, current, wanted } of services)
    if (there < wanted) waiting.push(`${component}: ${there} of ${wanted} run`);
    // So too in the moment before the Swarm says that an update is under way.
    else if (current < wanted) waiting.push(`${component}: ${current} of ${wanted} are new`);
  for (const { component } of services.filter(isUnderWay))
    waiting.push(`${component}: its update is under way`);
  // Asked last: before everything behind it is ready it has nothing to say.
  if (swarm !== null && endpoint !== undefined && waiting.length === 0)
    waiting.push(...edgeProblem(await checkEdge(endpoint)));
  return { names: [...new Set(instances.map(({ component }) => component))], waiting, services };
}

const edgeProblem = ({ problem, url }: EdgeStatus) =>
  problem === null ? [] : [`${url}: ${problem}`];
