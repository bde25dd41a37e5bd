/**
 * A Docker engine of a test's own, which may be restarted, lose its power or leave its Swarm while others on this
 * machine go on. It runs in network, mount and process namespaces of its own, so that everything of it, containers and
 * mounts, ends with one process; and that process ends with the test.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream';
import Docker from 'dockerode';
import { eventually } from './stack.ts';

const PROGRAMS = ['dockerd', 'unshare', 'nsenter', 'setpriv', 'mount', 'ip'] as const;

/** Why tests with an engine of their own are skipped, for `skip`; `false` when they are not. */
export const noOwnEngine: string | false = (() => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'SKIPPED: an engine of the test’s own needs root on Linux';
  const missing = PROGRAMS.find((program) => spawnSync(program, ['--version']).error !== undefined);
  return missing === undefined ? false : `SKIPPED: ${missing} is not installed`;
})();

/**
 * The first process of the namespaces: tells its number as the machine counts, gives the engine its own /proc and
 * places for sockets, and from then on only takes in orphans.
 */
const MACHINE = `
set -e
read -r pid rest < /proc/self/stat
mount -t proc proc /proc
for folder in /run/docker /run/containerd; do mkdir -p "$folder"; mount -t tmpfs tmpfs "$folder"; done
ip link set lo up
echo "$pid"
sleep infinity & wait
`;
const PID_FILE = '/run/docker/docker.pid';

/** Joins two ends; each is a port of 127.0.0.1, or of all addresses to listen on, or the path of a socket. */
const RELAY = `
const { connect, createServer } = require('node:net');
const { pipeline } = require('node:stream');
const [from, to] = process.argv.slice(1);
const server = createServer((near) => {
  const far = /^\\d+$/.test(to) ? connect(Number(to), '127.0.0.1') : connect(to);
  pipeline(near, far, near, () => {});
});
server.listen(/^\\d+$/.test(from) ? { port: Number(from), host: '0.0.0.0' } : from, () => console.log('ready'));
process.stdin.on('end', () => process.exit()).resume();
`;

export class OwnEngine implements AsyncDisposable {
  readonly docker: Docker;
  /** For DOCKER_HOST. */
  readonly address: string;
  readonly #folder: string;
  readonly #forwarded = new Map<number, Server>();
  #machine: ChildProcess | undefined;
  #pid = 0;
  #daemon: ChildProcess | undefined;
  #relays: ChildProcess[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
    const socketPath = join(folder, 'docker.sock');
    this.address = `unix://${socketPath}`;
    this.docker = new Docker({ socketPath });
  }

  static async start(): Promise<OwnEngine> {
    const engine = new OwnEngine(await mkdtemp(join(tmpdir(), 'lakehouse-engine-')));
    try {
      await engine.#boot();
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Words before a command that let it see the engine's network as its machine's own. */
  get inside(): readonly string[] {
    return ['nsenter', `--target=${this.#pid}`, '--net', '--'];
  }

  /** Ends the Docker engine in order, as `systemctl restart docker` does, and starts it again. */
  async restart(): Promise<void> {
    const ended = once(this.#daemon as ChildProcess, 'exit');
    const kill = ['sh', '-c', `kill -TERM "$(cat ${PID_FILE})"`];
    spawnSync('nsenter', [...this.#namespaces(), ...kill]);
    await ended;
    await this.#startDaemon();
  }

  /** Takes the power away from everything at once, and gives it back. */
  async losePower(): Promise<void> {
    await this.#halt();
    await this.#boot();
    for (const port of this.#forwarded.keys()) await this.#relay(String(port), this.#path(port));
  }

  /** Lets containers and commands of the engine reach a port of this machine under the same number. */
  async forward(port: number): Promise<void> {
    const server = createServer((near) => {
      const far: Socket = connect(port, '127.0.0.1');
      pipeline(near, far, near, () => {});
    });
    await once(server.listen(this.#path(port)), 'listening');
    this.#forwarded.set(port, server);
    await this.#relay(String(port), this.#path(port));
  }

  /** Path of a socket that leads to a port which the engine has published; it lasts until the power is lost. */
  async socketOf(port: number): Promise<string> {
    const path = join(this.#folder, `published-${port}.sock`);
    await rm(path, { force: true });
    await this.#relay(path, String(port));
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#forwarded.values()) server.close();
    await this.#halt();
    await removeControlGroups(basename(this.#folder));
    await rm(this.#folder, { recursive: true, force: true });
  }

  #namespaces = () => [`--target=${this.#pid}`, '--net', '--mount', '--pid', '--'];
  #path = (port: number) => join(this.#folder, `forwarded-${port}.sock`);

  async #boot(): Promise<void> {
    // Whatever ends this process, even a kill, ends the first of the namespaces and so all in them.
    const words = ['--pdeathsig', 'KILL', 'unshare', '--net', '--mount', '--pid', '--fork'];
    this.#machine = spawn('setpriv', [...words, '--kill-child=KILL', 'sh', '-c', MACHINE], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#pid = Number(await firstLine(this.#machine));
    await this.#startDaemon();
  }

  async #startDaemon(): Promise<void> {
    const config = {
      hosts: [this.address],
      'data-root': join(this.#folder, 'data'),
      pidfile: PID_FILE,
      // Control groups are the machine's: these are found again when the engine is gone.
      'cgroup-parent': `/${basename(this.#folder)}`,
      'exec-opts': ['native.cgroupdriver=cgroupfs'],
    };
    const file = join(this.#folder, 'daemon.json');
    await writeFile(file, JSON.stringify(config));
    const words = [...this.#namespaces(), 'dockerd', '--config-file', file];
    const daemon = spawn('nsenter', words, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#daemon = daemon;
    const log = join(this.#folder, 'dockerd.log');
    for (const stream of [daemon.stdout, daemon.stderr])
      stream.pipe(createWriteStream(log, { flags: 'a' }));
    const answers = async () => {
      if (daemon.exitCode !== null) throw new Error(`dockerd ended: ${await lastOf(log)}`);
      return this.docker.ping();
    };
    await eventually('the engine answers', answers);
  }

  /** Starts something in the engine's network that joins two ends. */
  async #relay(from: string, to: string): Promise<void> {
    const [command = '', ...words] = [...this.inside, process.execPath, '-e', RELAY, from, to];
    const relay = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#relays.push(relay);
    await firstLine(relay);
  }

  async #halt(): Promise<void> {
    const running = [...this.#relays, this.#daemon, this.#machine].filter(
      (child) => child !== undefined && child.exitCode === null && child.signalCode === null,
    ) as ChildProcess[];
    const ended = running.map((child) => once(child, 'exit'));
    for (const relay of this.#relays) relay.kill('SIGKILL');
    this.#relays = [];
    // The kernel ends all processes of the namespaces with their first one.
    this.#machine?.kill('SIGKILL');
    await Promise.all(ended);
  }
}

/** The first line that a process prints. @throws Error when it ends before */
async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('its output is not read here');
  const lines = createInterface({ input: child.stdout });
  const ended = new AbortController();
  child.once('exit', () => ended.abort(new Error(`it ended with ${child.exitCode}`)));
  const [line] = (await once(lines, 'line', { signal: ended.signal })) as [string];
  return line;
}

async function lastOf(log: string): Promise<string> {
  return (await readFile(log, 'utf8')).trim().split('\n').slice(-3).join('\n');
}

/** Containers that were killed with their engine leave empty control groups behind, in each hierarchy. */
async function removeControlGroups(name: string): Promise<void> {
  const root = '/sys/fs/cgroup';
  const hierarchies = [root, ...(await foldersIn(root))];
  for (const hierarchy of hierarchies) await removeGroup(join(hierarchy, name));
}

async function removeGroup(path: string): Promise<void> {
  for (const inner of await foldersIn(path)) await removeGroup(inner);
  // The kernel takes a moment to let go of the processes that were killed in it.
  await eventually(`the control group ${path} is free`, async () => {
    const gone = await rmdir(path).catch((error: NodeJS.ErrnoException) => error.code);
    return gone === undefined || gone === 'ENOENT';
  });
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
}
