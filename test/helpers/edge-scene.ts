/**
 * The edge as `caddyfile()` makes it, in a real Caddy on loopback ports, in front of replicas that stand for proxies:
 * each has an address of its own, and one name has them all.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { generate } from 'selfsigned';
import { Agent, type Dispatcher, request } from 'undici';
import { caddyfile, type EdgeOptions } from '../../infra/edge/caddyfile.ts';
import type { ReplicaState } from '../fixtures/edge/replica.ts';
import { type NameServer, startNameServer } from './name-server.ts';
import { eventually, freePort } from './stack.ts';

const REPLICA = fileURLToPath(new URL('../fixtures/edge/replica.ts', import.meta.url));
export const DOMAIN = 'mcp.example';
const NAME = 'tasks.proxies';

/** As a stack sets them. */
export const OPTIONS: EdgeOptions = {
  tls: 'files',
  domain: DOMAIN,
  httpsPort: 443,
  httpPort: 80,
  pathPrefix: '',
  upstream: { name: NAME, port: 8080 },
  trustedProxies: [],
  maxBodyBytes: 65_536,
  logLevel: 'info',
};

export type LogLine = { event: string; level: string; time: string } & Record<string, unknown>;

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

export interface Replica {
  readonly address: string;
  readonly process: ChildProcess;
  state(): Promise<ReplicaState>;
  operate(path: string): Promise<void>;
  /** Freezes it as `docker pause` does: the kernel goes on taking its connections. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

export interface SceneOptions {
  /** Path of Caddy. */
  readonly caddy: string;
  readonly options?: Partial<EdgeOptions>;
  readonly replicas?: number;
  /** Ports that it listens on, where a test has to know them before. */
  readonly ports?: { readonly https: number; readonly http: number };
  /** Changes to the Caddyfile, each of which must fit: text and what takes its place. */
  readonly edits?: readonly (readonly [string, string])[];
  /** Folder that is /data of the edge; one of its own when left out. */
  readonly data?: string;
}

export interface Scene extends AsyncDisposable {
  readonly ports: { readonly https: number; readonly http: number; readonly operations: number };
  readonly folder: string;
  readonly certificate: string;
  readonly names: NameServer;
  readonly replicas: readonly Replica[];
  readonly log: readonly LogLine[];
  readonly agent: Agent;
  /** Says which replicas have the name. */
  serveBy(...replicas: readonly Replica[]): void;
  /** A request to the service, by the domain; as a POST of `body` unless told otherwise. */
  ask(options?: {
    path?: string;
    method?: Dispatcher.HttpMethod;
    body?: string;
    headers?: Record<string, string>;
  }): Promise<Answer>;
  /** Asks the operations port. */
  operations(path: string): Promise<Answer>;
  /** Ends Caddy and starts it again with the same ports and data. */
  restart(): Promise<void>;
}

async function answerOf(response: Dispatcher.ResponseData): Promise<Answer> {
  return {
    status: response.statusCode,
    headers: response.headers,
    text: await response.body.text(),
  };
}

async function startReplica(address: string, port: number, operations: number): Promise<Replica> {
  const args = [REPLICA, address, String(port), String(operations)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => Promise.reject(new Error(`the replica on ${address}:${port} ended`))),
  ]);
  const ask = async (path: string) => {
    const { body } = await request(`http://${address}:${operations}${path}`, { method: 'POST' });
    return (await body.json()) as ReplicaState;
  };
  return {
    address,
    process: child,
    state: () => ask('/state'),
    operate: async (path) => {
      await ask(path);
    },
    pause: () => {
      child.kill('SIGSTOP');
    },
    resume: () => {
      child.kill('SIGCONT');
    },
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Runs Caddy until it answers; its lines go into `log`. */
async function startCaddy(
  { caddy }: SceneOptions,
  {
    folder,
    data,
    operations,
    log,
  }: { folder: string; data: string; operations: number; log: LogLine[] },
): Promise<ChildProcess> {
  const args = ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'];
  const env = { PATH: '/usr/bin:/bin', XDG_DATA_HOME: data, XDG_CONFIG_HOME: folder };
  const child = spawn(caddy, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const early: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => log.push(JSON.parse(line)));
  createInterface({ input: child.stderr }).on('line', (line) => early.push(line));
  const answers = eventually('Caddy answers', async () => {
    return (await request(`http://127.0.0.1:${operations}/livez`)).statusCode === 200;
  });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(early.join('\n'))));
  await Promise.race([answers, ended]);
  // Of no interest from now on.
  ended.catch(() => {});
  return child;
}

/** Replaces each text wherever it stands. */
export function edited(text: string, edits: readonly (readonly [string, string])[]): string {
  return edits.reduce((before, [from, to]) => {
    if (!before.includes(from)) throw new Error(`"${from}" is not in:\n${before}`);
    return before.replaceAll(from, to);
  }, text);
}

export async function openScene(scene: SceneOptions): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'lakehouse-edge-'));
  const data = scene.data ?? folder;
  const { https, http } = scene.ports ?? { https: await freePort(), http: await freePort() };
  const operations = await freePort();
  const port = await freePort();
  const replicaOperations = await freePort();
  const names = await startNameServer();
  const addresses = Array.from({ length: scene.replicas ?? 2 }, (_, i) => `127.0.0.${i + 2}`);
  const replicas = await Promise.all(
    addresses.map((address) => startReplica(address, port, replicaOperations)),
  );
  const serveBy = (...serving: readonly Replica[]) =>
    names.set(
      NAME,
      serving.map(({ address }) => address),
    );
  serveBy(...replicas);
  const { private: key, cert } = await generate([{ name: 'commonName', value: DOMAIN }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: DOMAIN }] }],
  });
  await writeFile(join(folder, 'tls.key'), key, { mode: 0o600 });
  await writeFile(join(folder, 'tls.crt'), cert);
  const options = { ...OPTIONS, ...scene.options, upstream: { name: NAME, port } };
  const encrypted = options.tls !== 'none';
  const text = edited(caddyfile(options), [
    [`dynamic a ${NAME} 9090`, `dynamic a ${NAME} ${replicaOperations}`],
    ['refresh 1s', `refresh 1s\nresolvers ${names.address}`],
    ['http://:9090 {', `http://127.0.0.1:${operations} {`],
    ['http_port 8080', `http_port ${http}`],
    ['https_port 8443', `https_port ${https}`],
    ...(encrypted ? ([[':8443 {', `:${https} {`]] as const) : []),
    ...(encrypted && options.httpPort === 0
      ? []
      : ([['http://:8080 {', `http://:${http} {`]] as const)),
    ...(options.tls === 'files' ? ([['/run/secrets/', `${folder}/`]] as const) : []),
    ...(scene.edits ?? []),
  ]);
  await writeFile(join(folder, 'Caddyfile'), text);
  const log: LogLine[] = [];
  const begin = () => startCaddy(scene, { folder, data, operations, log });
  let child = await begin();
  const end = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  const agent = agentFor(cert);
  const base = encrypted ? `https://${DOMAIN}:${https}` : `http://${DOMAIN}:${http}`;
  return {
    ports: { https, http, operations },
    folder,
    certificate: cert,
    names,
    replicas,
    log,
    agent,
    serveBy,
    ask: async ({ path = '/mcp', method = 'POST', body, headers = {} } = {}) =>
      answerOf(
        await request(`${base}${path}`, {
          method,
          headers,
          dispatcher: agent,
          ...(method === 'POST' ? { body: body ?? '{}' } : {}),
        }),
      ),
    operations: async (path) => answerOf(await request(`http://127.0.0.1:${operations}${path}`)),
    restart: async () => {
      await end();
      child = await begin();
    },
    [Symbol.asyncDispose]: async () => {
      await agent.destroy();
      await end();
      await Promise.all(replicas.map((replica) => replica.stop()));
      names.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** A client that finds every name on this machine, and trusts `ca` alone. */
export const agentFor = (ca: string): Agent =>
  new Agent({
    connect: {
      ca,
      lookup: (_, options, done) => {
        if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
        else done(null, '127.0.0.1', 4);
      },
    },
  });
