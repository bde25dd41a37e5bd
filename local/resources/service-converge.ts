/** Tells from what Swarm says of a service whether it is as wanted, on the way, or has failed. */

/** The parts of a task of GET /tasks that are read (Engine API, definition Task). */
export interface Task {
  ID: string;
  CreatedAt: string;
  /** What Swarm wants of it: `running`, `shutdown`, `remove` … */
  DesiredState: string;
  Status: {
    State: string;
    /** Why it failed, or why it waits. */
    Err?: string;
    ContainerStatus?: { ContainerID?: string; ExitCode?: number };
  };
}

/** Of a service: how far its last update is. Swarm clears it when an update begins. */
export interface UpdateStatus {
  State?: string;
  Message?: string;
}

export type Progress =
  | { is: 'converged' }
  | { is: 'waiting'; saying: string }
  | { is: 'failed'; because: string };

export interface Observation {
  /** How many tasks there shall be. */
  wanted: number;
  /** The tasks of the service as it is specified now, of all that there are. */
  current: readonly Task[];
  updateStatus: UpdateStatus | undefined;
}

export function progressOf({ wanted, current, updateStatus }: Observation): Progress {
  const running = current.filter(isRunning).length;
  const count = `${running} of ${wanted} tasks are running`;
  switch (updateStatus?.State) {
    case 'updating':
      return { is: 'waiting', saying: `${count} in the new version` };
    case 'rollback_started':
      return { is: 'waiting', saying: 'the update failed, and Swarm rolls it back' };
    case 'rollback_completed':
      return { is: 'failed', because: 'Swarm rolled the update back' };
    case 'rollback_paused':
      return { is: 'failed', because: 'Swarm began to roll the update back and could not' };
    case 'paused':
      return { is: 'failed', because: 'Swarm stopped in the middle of the update' };
    default:
      return running === wanted ? { is: 'converged' } : { is: 'waiting', saying: count };
  }
}

/** A task with a health check is not running before it is healthy. */
export function isRunning({ DesiredState, Status }: Task): boolean {
  return DesiredState === 'running' && Status.State === 'running';
}

/** How many tasks run in the version of before the update. */
export function servingBefore(
  { current, updateStatus }: Pick<Observation, 'current' | 'updateStatus'>,
  all: readonly Task[],
): number {
  // A roll back makes the old specification the present one.
  if (updateStatus?.State?.startsWith('rollback')) return current.filter(isRunning).length;
  const fresh = new Set(current.map(({ ID }) => ID));
  return all.filter((task) => isRunning(task) && !fresh.has(task.ID)).length;
}

/**
 * Why a task does not run; undefined when nothing is wrong with it. A service that ends in order
 * when it is stopped as unhealthy leaves no error behind.
 */
function complaint({ Status }: Task): string | undefined {
  if (Status.Err) return Status.Err;
  return Status.State === 'complete'
    ? `ended with exit status ${Status.ContainerStatus?.ExitCode ?? 0}, by itself or because its health check failed`
    : undefined;
}

/** The tasks that do not run as they should, the newest first. */
export function troubled(tasks: readonly Task[]): Task[] {
  return tasks
    .filter((task) => complaint(task) !== undefined)
    .sort((a, b) => (a.CreatedAt < b.CreatedAt ? 1 : a.CreatedAt > b.CreatedAt ? -1 : 0));
}

/** What tasks say, each once. */
export function errorsOf(tasks: readonly Task[]): string[] {
  return [...new Set(troubled(tasks).map((task) => String(complaint(task))))];
}
