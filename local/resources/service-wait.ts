/** Waits until Swarm has done what a service asks for, and says why when it has not. */

import type Dockerode from 'dockerode';
import { parseGoDuration } from '../duration.ts';
import { RunnerError } from '../errors.ts';
import type { Context } from '../resource-type.ts';
import { lastWords } from './container-wait.ts';
import { wantedReplicas } from './service-body.ts';
import {
  errorsOf,
  type Observation,
  progressOf,
  servingBefore,
  type Task,
  troubled,
  type UpdateStatus,
} from './service-converge.ts';
import type { ServiceInputs } from './service-inputs.ts';

const pollMs = 500;
/** The provider's default of `convergeConfig.timeout`. */
const defaultTimeout = '3m';
/** Time as the wait has it; a test brings its own. */
export interface Pace {
  now(): number;
  sleep(ms: number): Promise<void>;
}

const realPace: Pace = {
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** A service that crashes at once looks well for a moment, so it must look well more than once. */
const looksWell = 3;
const shownErrors = 3;

/**
 * Returns once all tasks of a service run in the version that is specified. Throws a RunnerError
 * with the tasks' own errors when Swarm gives up or `convergeConfig.timeout` is over.
 *
 * @param old tasks of before what is waited for
 */
export async function waitUntilConverged(
  context: Context,
  docker: Dockerode,
  id: string,
  inputs: ServiceInputs,
  old: readonly Task[],
  pace: Pace = realPace,
): Promise<void> {
  const timeout = inputs.convergeConfig?.timeout ?? defaultTimeout;
  const end = pace.now() + (parseGoDuration(timeout) ?? 0);
  const trouble = new Trouble(old);
  let well = 0;
  let said = '';
  for (;;) {
    const observation = await observe(docker, id, inputs);
    const progress = progressOf(observation);
    trouble.note(await allTasks(docker, id), observation.updateStatus);
    well = progress.is === 'converged' ? well + 1 : 0;
    if (well === looksWell) return;
    if (progress.is === 'failed') {
      throw await trouble.error(docker, observation, `${progress.because}${trouble.why}.`);
    }
    if (progress.is === 'waiting' && progress.saying !== said) {
      said = progress.saying;
      context.progress(said);
    }
    if (pace.now() > end) {
      const because = `It was not done within ${timeout} (convergeConfig.timeout)`;
      throw await trouble.error(docker, observation, `${because}${said && `: ${said}`}.`);
    }
    await pace.sleep(pollMs);
  }
}

async function observe(docker: Dockerode, id: string, inputs: ServiceInputs): Promise<Observation> {
  const { UpdateStatus: updateStatus } = (await docker.getService(id).inspect()) as {
    UpdateStatus?: UpdateStatus;
  };
  // Those whose specification is the service's present one, where it matters to a task.
  const filters = { service: [id], '_up-to-date': ['true'] };
  const current = (await docker.listTasks({ filters })) as Task[];
  return { wanted: wantedReplicas(inputs), current, updateStatus };
}

/** All tasks of a service that Swarm still knows, dead ones among them. */
export async function allTasks(docker: Dockerode, id: string): Promise<Task[]> {
  return (await docker.listTasks({ filters: { service: [id] } })) as Task[];
}

/** What went wrong on the way; Swarm forgets failed tasks, and why it rolled back. */
class Trouble {
  readonly #old: readonly Task[];
  #all: readonly Task[] = [];
  readonly #failed = new Map<string, Task>();
  #message = '';

  /** @param old tasks of before what is waited for */
  constructor(old: readonly Task[]) {
    this.#old = old;
  }

  note(all: readonly Task[], updateStatus: UpdateStatus | undefined): void {
    this.#all = all;
    const fresh = all.filter(({ ID }) => !this.#old.some((before) => before.ID === ID));
    for (const task of troubled(fresh)) this.#failed.set(task.ID, task);
    if (['rollback_started', 'paused'].includes(updateStatus?.State ?? '')) {
      this.#message = updateStatus?.Message ?? '';
    }
  }

  /** Swarm's own words, in brackets. */
  get why(): string {
    return this.#message === '' ? '' : ` (${this.#message})`;
  }

  async error(docker: Dockerode, observation: Observation, because: string): Promise<RunnerError> {
    const failed = [...this.#failed.values()];
    const serving = servingBefore(observation, this.#all);
    const kept =
      serving > 0
        ? `The old version still serves (${serving} of its tasks are running).`
        : 'No task of the old version is running.';
    return new RunnerError(
      [
        because,
        ...(this.#old.length === 0 ? [] : [kept]),
        ...(failed.length > 0 ? [`The new tasks say: ${quote(errorsOf(failed))}`] : []),
        ...(await wordsOfNewest(docker, failed)),
      ].join('\n'),
    );
  }
}

function quote(errors: readonly string[]): string {
  const shown = errors.slice(0, shownErrors).map((error) => `"${error}"`);
  return `${shown.join(', ')}${errors.length > shownErrors ? ', …' : ''}.`;
}

/** From the container of the task that failed last, if it is on this node. */
async function wordsOfNewest(docker: Dockerode, tasks: readonly Task[]): Promise<string[]> {
  const [failed] = troubled(tasks).filter(({ Status }) => Status.ContainerStatus?.ContainerID);
  const container = failed?.Status.ContainerStatus?.ContainerID;
  return container === undefined ? [] : lastWords(docker.getContainer(container)).catch(() => []);
}
