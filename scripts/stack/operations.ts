/** Asks services on their operations port from inside their containers, so that no port is published for it. */
import type Docker from 'dockerode';

const EXEC_MS = 10_000;

/** What asks for a path of the operations port: the kit's own probe, or, in the edge's image, wget. */
const probe = (component: string, path: string): string[] =>
  component === 'edge'
    ? ['wget', '-q', '-O', '-', `http://127.0.0.1:9090/${path}`]
    : ['node', '/app/images/kit/src/probe.js', path];

/**
 * Asks a service's operations port for `path` (`readyz`, `status`, `metrics`); works with an engine anywhere.
 * @returns the body, or `undefined` when the container cannot be asked
 */
export async function askOperations(
  docker: Docker,
  id: string,
  path: string,
  component = '',
): Promise<{ ok: boolean; body: string } | undefined> {
  try {
    const { code, stdout } = await execute(docker, id, probe(component, path));
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
  component = '',
): Promise<{ ready: boolean; reasons: Reason[] }> {
  const answer = await askOperations(docker, id, 'readyz', component);
  if (answer === undefined)
    return {
      ready: false,
      reasons: [{ code: 'no_answer', message: 'the container cannot be asked' }],
    };
  const reasons = reasonsOf(answer.body);
  if (answer.ok || reasons.length > 0) return { ready: answer.ok, reasons };
  // Not everything that asks shows the body of a refusal.
  return { ready: false, reasons: [{ code: 'not_ready', message: '/readyz does not say 200' }] };
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
