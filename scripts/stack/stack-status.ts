import type Docker from 'dockerode';
import type { EdgeStatus } from '../mcp/edge.ts';
import { parseLogLine } from '../terminal/log-line.ts';
import { readContainerLog } from './containers.ts';
import { askOperations, type Reason, readiness } from './operations.ts';
import type { Instance, PlatformName, Running, RunningStack } from './running.ts';

/** One instance of a service, with what it says of itself. */
export interface ServiceStatus extends Instance {
  readonly ready: boolean;
  /** Whether it was asked itself; on another node it is taken for ready while the engine calls it running. */
  readonly asked: boolean;
  /** Why it is not ready. */
  readonly reasons: readonly Reason[];
  /** Newest line of level error in its log, or warning when there is none. */
  readonly lastError: LoggedError | null;
}

export interface LoggedError {
  readonly time: string;
  readonly level: string;
  readonly event: string;
  readonly detail: string;
}

/** Something that the refresher keeps trying. */
export interface TokenTrouble {
  /** Stable code: one of the refresher's failure classes, or `token_file_not_writable`. */
  readonly class: string;
  /** The same for people. */
  readonly message: string;
  /** How often it failed in a row. */
  readonly times: number;
  /** First failure and next try, RFC 3339; `null` where the refresher does not tell. */
  readonly since: string | null;
  readonly nextTryAt: string | null;
}

export interface TokenStatus {
  /** RFC 3339. */
  readonly expiresAt: string | null;
  readonly secondsLeft: number | null;
  readonly refreshAt: string | null;
  /** Of the refresher that runs; `null` when it goes on with the token of one before it. */
  readonly lastLoginAt: string | null;
  /** Why it is about to log in; `null` when it has no reason to. */
  readonly loginWanted: string | null;
  /** Why logins fail at present. */
  readonly loginFailure: TokenTrouble | null;
  /** Why a new token does not get into the token file at present. */
  readonly writeFailure: TokenTrouble | null;
}

export interface StackStatus {
  readonly services: readonly ServiceStatus[];
  /** Services and nodes of the Swarm; absent on plain containers. */
  readonly swarm: Running['swarm'];
  /** What answers at the MCP URL; absent where there is no edge. */
  readonly edge: EdgeStatus | null;
  /** Absent when there is no refresher to ask. */
  readonly token: TokenStatus | null;
  /** The official MCP server below the proxy: `running`, or why not. */
  readonly child: string | null;
}

const LOG_LINES = 400;

/** Components without which nobody is served. */
const ESSENTIAL: Readonly<Record<PlatformName, readonly string[]>> = {
  containers: ['proxy'],
  swarm: ['edge', 'proxy'],
};

/** Essential components that are not there: the stack was interrupted, or lost them. */
export function missingComponents({ services, swarm }: StackStatus): string[] {
  const present: readonly { readonly component: string }[] = swarm?.services ?? services;
  return ESSENTIAL[swarm === null ? 'containers' : 'swarm'].filter(
    (needed) => !present.some(({ component }) => component === needed),
  );
}

export const isReady = (status: StackStatus) =>
  missingComponents(status).length === 0 &&
  status.services.every(({ ready }) => ready) &&
  (status.swarm?.services ?? []).every(({ running, wanted }) => running >= wanted) &&
  (status.edge?.problem ?? null) === null;

/**
 * Asks the engine and, inside the containers, every service; works with an engine anywhere.
 * @param edge looks at what answers at the MCP URL, where there is an edge
 */
export async function stackStatus(
  stack: RunningStack,
  edge?: () => Promise<EdgeStatus>,
): Promise<StackStatus> {
  const { docker } = stack;
  const { instances, swarm } = await stack.look();
  const [atUrl, ...services] = await Promise.all([
    edge?.() ?? null,
    ...instances.map((instance) => serviceStatus(docker, instance)),
  ]);
  const refresher = services.find(
    ({ component, state, container }) =>
      component === 'refresher' && state === 'running' && container !== null,
  );
  const proxies = services.filter((service) => service.component === 'proxy' && service.asked);
  return {
    services,
    swarm,
    edge: atUrl,
    token: refresher === undefined ? null : await tokenStatus(docker, refresher.container ?? ''),
    child: proxies.map(childOf).find((child) => child !== 'running') ?? childOf(proxies[0]),
  };
}

async function serviceStatus(docker: Docker, instance: Instance): Promise<ServiceStatus> {
  const { container } = instance;
  return {
    ...instance,
    asked: container !== null,
    ...(await readinessOf(docker, instance)),
    lastError: container === null ? null : await lastError(docker, container),
  };
}

/** Whether a call would succeed now, as the instance says itself; on another node, as the engine says. */
export async function readinessOf(
  docker: Docker,
  { component, container, state, error }: Instance,
): Promise<{ ready: boolean; reasons: Reason[] }> {
  if (state !== 'running') {
    const why = error === null ? '' : `: ${error}`;
    return { ready: false, reasons: [{ code: 'not_running', message: `it is ${state}${why}` }] };
  }
  return container === null
    ? { ready: true, reasons: [] }
    : readiness(docker, container, component);
}

async function lastError(docker: Docker, container: string): Promise<LoggedError | null> {
  const lines: string[] = [];
  await readContainerLog(docker, container, { follow: false, tail: LOG_LINES }, ({ text }) =>
    lines.push(text),
  ).catch(() => undefined);
  return newestError(lines);
}

/** The newest error among JSON log lines, or the newest warning when none is an error. */
export function newestError(lines: readonly string[]): LoggedError | null {
  const entries = lines.map(parseLogLine).filter((entry) => entry !== undefined);
  for (const levels of [['error', 'fatal'], ['warn']]) {
    const found = entries.findLast(({ level }) => levels.includes(String(level)));
    if (found === undefined) continue;
    const words = [found.error, found.problem, found.message, found.reason, found.why].filter(
      (word): word is string => typeof word === 'string',
    );
    return {
      time: String(found.time ?? ''),
      level: String(found.level),
      event: String(found.event ?? ''),
      detail: words[0] ?? '',
    };
  }
  return null;
}

async function tokenStatus(docker: Docker, id: string): Promise<TokenStatus | null> {
  const answer = await askOperations(docker, id, 'status');
  return answer === undefined ? null : tokenStatusOf(answer.body);
}

/** Reads what the refresher says at `/status`; `null` when that is something else. */
export function tokenStatusOf(body: string): TokenStatus | null {
  const status = parseLogLine(body.trim());
  if (status === undefined) return null;
  return {
    expiresAt: textOf(status.token_expires_at),
    secondsLeft: typeof status.token_seconds_left === 'number' ? status.token_seconds_left : null,
    refreshAt: textOf(status.refresh_at),
    lastLoginAt: textOf(status.last_login_at),
    loginWanted: textOf(status.login_wanted),
    loginFailure: troubleOf(status.login_failure, 'unknown'),
    writeFailure: troubleOf(status.write_failure, 'token_file_not_writable'),
  };
}

function troubleOf(value: unknown, ordinaryClass: string): TokenTrouble | null {
  if (typeof value !== 'object' || value === null) return null;
  const trouble = value as Record<string, unknown>;
  return {
    class: textOf(trouble.code) ?? ordinaryClass,
    message: textOf(trouble.message) ?? '',
    times: typeof trouble.times === 'number' ? trouble.times : 1,
    since: textOf(trouble.since),
    nextTryAt: textOf(trouble.next_try_at),
  };
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : null);

/** The proxy's reasons tell of its child by codes that begin with `child_`. */
function childOf(proxy: ServiceStatus | undefined): string | null {
  if (proxy?.state !== 'running') return null;
  const reason = proxy.reasons.find(({ code }) => code.startsWith('child_'));
  if (reason !== undefined) return reason.message;
  const silent = proxy.reasons.some(({ code }) => code === 'no_answer');
  return silent ? null : 'running';
}
