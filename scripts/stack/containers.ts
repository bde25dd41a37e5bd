import type Docker from 'dockerode';
import { CommandError } from '../command-error.ts';

/** Folder-independent name of the probe that every service image carries (images/kit). */
const PROBE = '/app/images/kit/src/probe.js';
const EXEC_MS = 10_000;

/** One container of a stack, as the engine tells it. */
export interface StackContainer {
  readonly id: string;
  readonly name: string;
  /** `proxy`, `refresher`, `demo`, … */
  readonly component: string;
  /** `running`, `exited`, `restarting`, … */
  readonly state: string;
  /** `healthy`, `unhealthy`, `starting`; absent without a health check. */
  readonly health?: string;
  readonly exitCode: number;
  readonly restarts: number;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly image: string;
  /** Names that the image goes by. */
  readonly imageTags: readonly string[];
  /** Published ports as `address:port`. */
  readonly ports: readonly string[];
  readonly outOfMemory: boolean;
}

/** The containers of a stack by label, in the order in which a request passes them. */
export async function stackContainers(docker: Docker, stack: string): Promise<StackContainer[]> {
  const filters = { label: [`lakehouse.stack=${stack}`] };
  const listed = await docker.listContainers({ all: true, filters });
  const details = await Promise.all(listed.map(({ Id }) => describe(docker, Id)));
  return details
    .filter((container) => container !== undefined)
    .sort((a, b) => rank(a.component) - rank(b.component) || (a.name < b.name ? -1 : 1));
}

/** A service runs for good; the other containers only fill its volume with secrets and end. */
export const isService = (container: StackContainer) => !container.component.endsWith('-secrets');

const ORDER = ['edge', 'proxy', 'refresher', 'demo'];
const rank = (component: string) => {
  const index = ORDER.indexOf(component);
  return index < 0 ? ORDER.length : index;
};

async function describe(docker: Docker, id: string): Promise<StackContainer | undefined> {
  const inspect = await docker
    .getContainer(id)
    .inspect()
    .catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  if (inspect === undefined) return undefined;
  const { Config, HostConfig, Name, RestartCount, State } = inspect;
  const image = await docker
    .getImage(inspect.Image)
    .inspect()
    .catch(() => undefined);
  return {
    id,
    name: Name.replace(/^\//, ''),
    component: Config.Labels['lakehouse.component'] ?? '?',
    state: State.Status,
    ...(State.Health === undefined ? {} : { health: State.Health.Status }),
    exitCode: State.ExitCode,
    restarts: RestartCount,
    startedAt: State.StartedAt,
    image: inspect.Image,
    imageTags: image?.RepoTags ?? [],
    ports: Object.values(HostConfig.PortBindings ?? {}).flatMap((bindings) =>
      ((bindings ?? []) as { HostIp?: string; HostPort?: string }[]).map(
        ({ HostIp, HostPort }) => `${HostIp || '0.0.0.0'}:${HostPort}`,
      ),
    ),
    outOfMemory: State.OOMKilled,
  };
}

export const isNotFound = (error: unknown) =>
  error instanceof Error && 'statusCode' in error && error.statusCode === 404;

/**
 * Asks a service's operations port for `path` (`readyz`, `status`, `metrics`) from inside its container, so that it
 * works with an engine anywhere and no port is published for it.
 * @returns the body, or `undefined` when the container cannot be asked
 */
export async function askOperations(
  docker: Docker,
  id: string,
  path: string,
): Promise<{ ok: boolean; body: string } | undefined> {
  try {
    const { code, stdout } = await execute(docker, id, ['node', PROBE, path]);
    return { ok: code === 0, body: stdout };
  } catch {
    return undefined;
  }
}

async function execute(docker: Docker, id: string, command: string[]) {
  const abortSignal = AbortSignal.timeout(EXEC_MS);
  const exec = await docker.getContainer(id).exec({
    Cmd: command,
    AttachStdout: true,
    AttachStderr: true,
    abortSignal,
  });
  const stream = await exec.start({ hijack: true, stdin: false, abortSignal });
  const { stdout } = await demultiplex(docker, stream, abortSignal);
  const { ExitCode } = await exec.inspect();
  return { code: ExitCode, stdout };
}

function demultiplex(docker: Docker, stream: NodeJS.ReadWriteStream, signal: AbortSignal) {
  return new Promise<{ stdout: string }>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const sink = (keep: boolean) =>
      ({
        write: (chunk: Buffer) => keep && chunks.push(chunk),
      }) as unknown as NodeJS.WritableStream;
    docker.modem.demuxStream(stream, sink(true), sink(false));
    stream.on('end', () => resolve({ stdout: Buffer.concat(chunks).toString('utf8') }));
    stream.on('error', reject);
    signal.addEventListener('abort', () => reject(new Error('no answer from the container')), {
      once: true,
    });
  });
}

export interface Reason {
  readonly code: string;
  readonly message: string;
}

/** Whether a service is ready, with its reasons when not; asked from inside. */
export async function readiness(
  docker: Docker,
  id: string,
): Promise<{ ready: boolean; reasons: Reason[] }> {
  const answer = await askOperations(docker, id, 'readyz');
  if (answer === undefined)
    return {
      ready: false,
      reasons: [{ code: 'no_answer', message: 'the container cannot be asked' }],
    };
  return { ready: answer.ok, reasons: reasonsOf(answer.body) };
}

/** Reasons out of the body of `/readyz`; text that is not such a body becomes one reason. */
export function reasonsOf(body: string): Reason[] {
  try {
    const { reasons } = JSON.parse(body) as { reasons?: unknown };
    if (Array.isArray(reasons)) return reasons.filter(isReason);
  } catch {
    // Told as it is below.
  }
  return body.trim() === '' ? [] : [{ code: 'no_answer', message: body.trim() }];
}

const isReason = (value: unknown): value is Reason =>
  typeof value === 'object' &&
  value !== null &&
  'code' in value &&
  'message' in value &&
  typeof value.message === 'string';

/** @throws CommandError naming the components that there are. */
export function findComponent(
  containers: readonly StackContainer[],
  component: string,
): StackContainer {
  const found = containers.find((container) => container.component === component);
  if (found !== undefined) return found;
  const present = containers.filter(isService).map((container) => container.component);
  throw new CommandError(
    present.length === 0
      ? 'The stack has no containers.'
      : `The stack has no component "${component}"; it has ${present.join(', ')}.`,
    { exitCode: 2, advice: present.length === 0 ? ['Deploy it: npm run up'] : [] },
  );
}
