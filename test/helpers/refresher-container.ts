/**
 * The refresher's container on its own, confined as `infra/platform/containers.ts` makes it: token volume in memory,
 * secrets in a volume, read-only root. Its operations port is published on the loopback address, for tests that ask
 * often.
 */
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type Docker from 'dockerode';
import { DEMO_USER } from '../../images/demo-dremio/src/index.ts';
import { docker, execNode } from './stack.ts';

const TOKEN_FOLDER = '/var/lib/lakehouse/token';
export const TOKEN_FILE = `${TOKEN_FOLDER}/token.json`;
export const SECRETS = '/run/secrets';
export const USER = { uid: 10001, gid: 10000 };
const MIB = 1024 * 1024;

export type LogLine = { event: string; time: string; audit?: boolean } & Record<string, unknown>;

export interface RefresherOptions {
  readonly image: string;
  /** Name of the volume with its password. */
  readonly secrets: string;
  readonly dremioUrl: string;
  /** Name of its token volume. */
  readonly tokenVolume: string;
  /** Mounts the token volume read-only. */
  readonly readOnly?: boolean;
  /** Network on the engine; its default bridge when left out. */
  readonly network?: string;
}

export interface RefresherContainer {
  /** Of the container, and of the stack that it is labelled as, which has nothing else in it. */
  readonly name: string;
  readonly container: Docker.Container;
  readonly log: ContainerLog;
  /** Asks the operations port for `readyz`, `livez`, `status` or `metrics`. */
  ask(path: string): Promise<{ status: number; text: string; ms: number }>;
  /** The token in the token file. */
  token(): Promise<string>;
  remove(): Promise<void>;
}

export const testName = () => `test-refresher-${randomBytes(4).toString('hex')}`;

/** A token volume as a stack has it: 64 KiB in memory, there while a running container mounts it. */
export async function createTokenVolume(name: string): Promise<void> {
  const o = `size=64k,uid=${USER.uid},gid=${USER.gid},mode=2750`;
  const DriverOpts = { type: 'tmpfs', device: 'tmpfs', o };
  await docker.createVolume({ Name: name, Driver: 'local', DriverOpts });
}

/** Starts one; resolves when the container has been started, which says nothing about the service in it. */
export async function startRefresherContainer(
  options: RefresherOptions,
): Promise<RefresherContainer> {
  const name = testName();
  const container = await docker.createContainer(containerBody(name, options));
  const remove = () => container.remove({ force: true });
  try {
    await container.start();
    const log = await followLog(container);
    let port: string | undefined;
    return {
      name,
      container,
      log,
      async ask(path) {
        port ??= await publishedPort(container);
        const begin = performance.now();
        const answer = await fetch(`http://127.0.0.1:${port}/${path}`);
        const text = await answer.text();
        return { status: answer.status, text, ms: performance.now() - begin };
      },
      async token() {
        const script = `process.stdout.write(require('fs').readFileSync('${TOKEN_FILE}'))`;
        const { token } = JSON.parse(await execNode(name, script)) as { token: string };
        return token;
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function publishedPort(container: Docker.Container): Promise<string | undefined> {
  const { NetworkSettings } = await container.inspect();
  return NetworkSettings.Ports['9090/tcp']?.[0]?.HostPort;
}

function containerBody(name: string, options: RefresherOptions): Docker.ContainerCreateOptions {
  const mode = options.readOnly ? 'ro' : 'rw';
  return {
    name,
    Image: options.image,
    User: `${USER.uid}:${USER.gid}`,
    Env: [
      `DREMIO_URL=${options.dremioUrl}`,
      `DREMIO_USERNAME=${DEMO_USER.userName}`,
      `DREMIO_PASSWORD_FILE=${SECRETS}/dremio-password`,
      `TOKEN_FILE=${TOKEN_FILE}`,
    ],
    Labels: { 'lakehouse.stack': name, 'lakehouse.component': 'refresher' },
    ExposedPorts: { '9090/tcp': {} },
    // A Node process every 10 s for each of many containers would keep a small machine busy.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Init: true,
      Memory: 160 * MIB,
      MemorySwap: 160 * MIB,
      NanoCpus: 0.5e9,
      Tmpfs: { '/tmp': 'rw,noexec,nosuid,nodev,size=8m,mode=1777' },
      Binds: [`${options.secrets}:${SECRETS}:ro`, `${options.tokenVolume}:${TOKEN_FOLDER}:${mode}`],
      ExtraHosts: ['host.docker.internal:host-gateway'],
      PortBindings: { '9090/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
      ...(options.network === undefined ? {} : { NetworkMode: options.network }),
    },
  };
}

export interface ContainerLog {
  /** The lines so far; what is not JSON is left out. */
  readonly lines: readonly LogLine[];
  /** Resolves with the first line of this event that `match` takes, among those so far and those to come. */
  until(
    event: string,
    options?: { match?: (line: LogLine) => boolean; timeoutMs?: number },
  ): Promise<LogLine>;
}

/** Reads a container's log from its beginning, and on. */
export async function followLog(container: Docker.Container): Promise<ContainerLog> {
  const lines: LogLine[] = [];
  const news = new EventEmitter().setMaxListeners(0);
  let rest = '';
  const write = (chunk: Buffer) => {
    const complete = (rest + chunk.toString('utf8')).split('\n');
    rest = complete.pop() ?? '';
    lines.push(...complete.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line)));
    news.emit('lines');
  };
  const stream = await container.logs({ follow: true, stdout: true, stderr: true });
  const sink = { write } as unknown as NodeJS.WritableStream;
  docker.modem.demuxStream(stream, sink, sink);
  stream.on('error', () => {});
  return {
    lines,
    async until(event, { match = () => true, timeoutMs = 30_000 } = {}) {
      const signal = AbortSignal.timeout(timeoutMs);
      for (;;) {
        const line = lines.find((candidate) => candidate.event === event && match(candidate));
        if (line) return line;
        try {
          await once(news, 'lines', { signal });
        } catch {
          const seen = lines.map(({ time, ...line }) => `${time} ${JSON.stringify(line)}`);
          throw new Error(
            `no log line ${event} within ${timeoutMs} ms; got:\n${seen.slice(-20).join('\n')}`,
          );
        }
      }
    },
  };
}
