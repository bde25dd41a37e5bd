import type Docker from 'dockerode';
import { parseLogLine } from '../terminal/log-line.ts';
import { readLogs } from './container-logs.ts';
import {
  askOperations,
  isService,
  type Reason,
  readiness,
  type StackContainer,
  stackContainers,
} from './containers.ts';

/** One service of a stack, with what it says of itself. */
export interface ServiceStatus {
  readonly component: string;
  readonly container: string;
  readonly state: string;
  readonly health: string | null;
  readonly ready: boolean;
  /** Why it is not ready. */
  readonly reasons: readonly Reason[];
  /** RFC 3339. */
  readonly startedAt: string;
  readonly restarts: number;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  readonly image: string;
  readonly imageTags: readonly string[];
  readonly ports: readonly string[];
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
  /** Why logins fail at present. */
  readonly loginFailure: TokenTrouble | null;
  /** Why a new token does not get into the token file at present. */
  readonly writeFailure: TokenTrouble | null;
}

export interface StackStatus {
  readonly services: readonly ServiceStatus[];
  /** Absent when there is no refresher to ask. */
  readonly token: TokenStatus | null;
  /** The official MCP server below the proxy: `running`, or why not. */
  readonly child: string | null;
}

const LOG_LINES = 400;

/** A stack that was interrupted, or lost its proxy, serves nobody. */
export const isComplete = (status: StackStatus) =>
  status.services.some(({ component }) => component === 'proxy');

export const isReady = (status: StackStatus) =>
  isComplete(status) && status.services.every(({ ready }) => ready);

/** Asks the engine and, inside the containers, every service; works with an engine anywhere. */
export async function stackStatus(docker: Docker, stack: string): Promise<StackStatus> {
  const containers = (await stackContainers(docker, stack)).filter(isService);
  const services = await Promise.all(
    containers.map((container) => serviceStatus(docker, container)),
  );
  const running = (component: string) =>
    containers.find((found) => found.component === component && found.state === 'running');
  const refresher = running('refresher');
  const proxy = services.find((service) => service.component === 'proxy');
  return {
    services,
    token: refresher === undefined ? null : await tokenStatus(docker, refresher.id),
    child: proxy === undefined ? null : childOf(proxy),
  };
}

async function serviceStatus(docker: Docker, container: StackContainer): Promise<ServiceStatus> {
  const { ready, reasons } =
    container.state === 'running'
      ? await readiness(docker, container.id)
      : {
          ready: false,
          reasons: [{ code: 'not_running', message: `the container is ${container.state}` }],
        };
  return {
    component: container.component,
    container: container.name,
    state: container.state,
    health: container.health ?? null,
    ready,
    reasons,
    startedAt: container.startedAt,
    restarts: container.restarts,
    exitCode: container.exitCode,
    outOfMemory: container.outOfMemory,
    image: container.image,
    imageTags: container.imageTags,
    ports: container.ports,
    lastError: await lastError(docker, container),
  };
}

async function lastError(docker: Docker, container: StackContainer): Promise<LoggedError | null> {
  const lines: string[] = [];
  await readLogs(docker, container, { follow: false, tail: LOG_LINES }, (line) => lines.push(line));
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
function childOf(proxy: ServiceStatus): string | null {
  if (proxy.state !== 'running') return null;
  const reason = proxy.reasons.find(({ code }) => code.startsWith('child_'));
  if (reason !== undefined) return reason.message;
  const silent = proxy.reasons.some(({ code }) => code === 'no_answer');
  return silent ? null : 'running';
}
