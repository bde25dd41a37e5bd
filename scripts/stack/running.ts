/**
 * What runs of a stack: the one seam between plain containers and Swarm for the commands that look after it. Each
 * platform tells it in the same words; nothing else in scripts/ asks which one it is to find out what runs.
 */
import type Docker from 'dockerode';

export type PlatformName = 'containers' | 'swarm';

/** One thing that runs, or should: a plain container, or a task of a Swarm service. */
export interface Instance {
  /** `proxy`, `refresher`, `edge`, `demo`, … */
  readonly component: string;
  /** Name on the engine: of the container, or of the service with the task's number or node behind it. */
  readonly name: string;
  /** Host name of the node that it is on; `null` on plain containers, and for a task without a node. */
  readonly node: string | null;
  /** Id of its container when that is on the engine that is asked, so that it can be asked itself. */
  readonly container: string | null;
  /** `running`, `exited`, `restarting`, …; of a task also `pending`, `starting`, … */
  readonly state: string;
  /** `healthy`, `unhealthy`, `starting`; `null` without a health check, and on Swarm, where it is part of the state. */
  readonly health: string | null;
  /** Why it does not run, in the engine's words. */
  readonly error: string | null;
  /** RFC 3339. */
  readonly startedAt: string;
  /** On Swarm, failed predecessors that the manager still remembers. */
  readonly restarts: number;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  readonly image: string;
  /** Names that the image goes by. */
  readonly imageTags: readonly string[];
  /** Published ports as `address:port`. */
  readonly ports: readonly string[];
}

/** How the last update of a Swarm service went. */
export interface Update {
  /** `updating`, `completed`, `paused`, `rollback_started`, `rollback_paused`, `rollback_completed`. */
  readonly state: string;
  readonly message: string;
  /** RFC 3339. */
  readonly since: string | null;
}

/** What an update that did not go through means; `undefined` while one is well. */
export const updateTrouble = (state: string): string | undefined =>
  ({
    paused: 'its update failed and stands still; tasks of both versions may run',
    rollback_started: 'its update failed and is being rolled back',
    rollback_paused: 'its update failed, and so did the way back',
    rollback_completed: 'its update failed and was rolled back: the version before it serves',
  })[state];

/** A Swarm service as a whole. */
export interface Service {
  readonly component: string;
  readonly name: string;
  readonly running: number;
  /** How many of these are of the version that it has now. */
  readonly current: number;
  readonly wanted: number;
  readonly update: Update | null;
  /** The newest failure of a task that the manager remembers. */
  readonly failure: { readonly time: string; readonly node: string; readonly error: string } | null;
}

/** A Swarm node that may carry services of the stack. */
export interface Node {
  readonly name: string;
  /** `active`, `pause` or `drain`. */
  readonly availability: string;
  /** `ready`, `down`, `unknown` or `disconnected`. */
  readonly state: string;
  /** Components that may be placed on it. */
  readonly carries: readonly string[];
}

/** A node's availability as people say it. */
export const availabilityWord = (availability: string) =>
  ({ drain: 'drained', pause: 'paused' })[availability] ?? availability;

export interface Running {
  readonly instances: readonly Instance[];
  /** `null` on plain containers. */
  readonly swarm: { readonly services: readonly Service[]; readonly nodes: readonly Node[] } | null;
}

/** One line of a service's log. */
export interface LoggedLine {
  readonly component: string;
  /** Tells instances of one component apart: its name, or `proxy.2`. */
  readonly source: string;
  /** When the engine got it, RFC 3339 in UTC with nine digits, so that texts sort as times. */
  readonly time: string;
  readonly text: string;
}

export interface LogRequest {
  /** One component, or all. */
  readonly component?: string;
  /** Goes on as new lines come, until the logs end. */
  readonly follow: boolean;
  /** Newest lines of each service to begin with. */
  readonly tail: number;
}

/** A stack on an engine, as its platform sees it. */
export interface RunningStack {
  readonly docker: Docker;
  readonly stack: string;
  readonly platform: PlatformName;
  look(): Promise<Running>;
  /** Calls `onLine` with each line; sorted by time when they are not followed. */
  readLogs(request: LogRequest, onLine: (line: LoggedLine) => void): Promise<void>;
}

const ORDER = ['edge', 'proxy', 'refresher', 'demo'];

/** Sorts by the order in which a request passes the components. */
export function byComponent<T extends { readonly component: string; readonly name: string }>(
  a: T,
  b: T,
): number {
  const rank = ({ component }: T) => {
    const index = ORDER.indexOf(component);
    return index < 0 ? ORDER.length : index;
  };
  return rank(a) - rank(b) || (a.name < b.name ? -1 : 1);
}
