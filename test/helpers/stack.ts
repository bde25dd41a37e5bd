/** A stack of a test's own on the real engine: deployed by the runner, with a port and names of its own. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import Docker from 'dockerode';
import { lakehouseOk } from './lakehouse-command.ts';

export const docker = new Docker();

/** A TCP port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

export interface TestStack {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  readonly key: string;
  /** `up` again, with more arguments. */
  up(...args: string[]): ReturnType<typeof lakehouseOk>;
  /** Takes everything down, data included. */
  remove(): Promise<void>;
}

/** Removes the images of a stack, which `down` leaves as the engine's cache. */
export async function removeImages(stack: string): Promise<void> {
  const images = await docker.listImages();
  const own = images
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter((tag) => tag.startsWith('lakehouse-mcp/') && tag.endsWith(`:${stack}`));
  for (const tag of own) await docker.getImage(tag).remove({ force: true });
}

/** Deploys a stack with `--set key=value` for each entry; secrets go through standard input. */
export async function deploy(
  settings: Record<string, string>,
  secret?: { key: string; value: string },
): Promise<TestStack> {
  const name = `test-${randomBytes(3).toString('hex')}`;
  const port = await freePort();
  const stack = ['--stack', name];
  const up = (...args: string[]) => lakehouseOk(['up', ...stack, '--engine', 'local', ...args]);
  const remove = async () => {
    await lakehouseOk(['down', ...stack, '--delete-data', '--yes']);
    await removeImages(name);
  };
  const set = Object.entries({ ...settings, mcpPort: String(port) }).flatMap(([key, value]) => [
    '--set',
    `${key}=${value}`,
  ]);
  try {
    await lakehouseOk(
      [
        'up',
        ...stack,
        '--engine',
        'local',
        ...set,
        ...(secret ? ['--set-secret', secret.key] : []),
      ],
      secret ? { input: `${secret.value}\n` } : {},
    );
    const { stdout } = await lakehouseOk([
      'output',
      ...stack,
      'mcpKeys',
      '--show-secrets',
      '--json',
    ]);
    const keys = JSON.parse(stdout) as { default: string };
    return { name, port, url: `http://127.0.0.1:${port}/mcp`, key: keys.default, up, remove };
  } catch (error) {
    await remove().catch(() => undefined);
    throw error;
  }
}

/** Full name of a stack's container, network or volume. */
export const engineName = (stack: Pick<TestStack, 'name'>, component: string) =>
  `lakehouse-${stack.name}-${component}`;

/** Runs Node inside a container, as the container's own user unless told otherwise; returns its output. */
export const execNode = (container: string, script: string, options: { user?: string } = {}) =>
  execute(container, ['node', '-e', script], options);

/** Runs a command inside a container, as the container's own user unless told otherwise; returns its output. */
export async function execute(
  container: string,
  command: readonly string[],
  options: { user?: string } = {},
): Promise<string> {
  return (await executeForBytes(container, command, options)).toString('utf8');
}

/** The same for output that need not be text. */
export async function executeForBytes(
  container: string,
  command: readonly string[],
  options: { user?: string } = {},
): Promise<Buffer> {
  const exec = await docker.getContainer(container).exec({
    Cmd: [...command],
    AttachStdout: true,
    AttachStderr: true,
    ...(options.user === undefined ? {} : { User: options.user }),
  });
  const stream = await exec.start({ hijack: true, stdin: false });
  const chunks: Buffer[] = [];
  const errors: Buffer[] = [];
  docker.modem.demuxStream(
    stream,
    { write: (chunk: Buffer) => chunks.push(chunk) } as unknown as NodeJS.WritableStream,
    { write: (chunk: Buffer) => errors.push(chunk) } as unknown as NodeJS.WritableStream,
  );
  await new Promise((resolve, reject) => {
    stream.on('end', resolve);
    stream.on('error', reject);
  });
  const { ExitCode } = await exec.inspect();
  if (ExitCode !== 0)
    throw new Error(
      `${command[0]} in ${container} ended with ${ExitCode}: ${Buffer.concat(errors)}`,
    );
  return Buffer.concat(chunks);
}

/** Everything a container has logged so far. */
export async function logsOf(container: string): Promise<string> {
  const buffer = await docker.getContainer(container).logs({ stdout: true, stderr: true });
  return buffer.toString('utf8');
}

/** Waits until `condition` holds, looking every 200 ms. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined | false>,
  deadlineMs = 60_000,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A service's metrics, by name with labels as they are written. */
export async function metricsOf(container: string): Promise<Map<string, number>> {
  const text = await execNode(
    container,
    "fetch('http://127.0.0.1:9090/metrics').then(async r => process.stdout.write(await r.text()))",
  );
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}
