/** What every contender is: a process that serves the echo child at an address, started anew for each measurement. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { McpClient, type Target } from './client.ts';

export const ECHO_CHILD = fileURLToPath(new URL('echo-child.mjs', import.meta.url));

export interface Started {
  readonly target: Target;
  readonly process: ChildProcess;
  readonly pid: number;
  /** How it ended, once it has. */
  readonly exit: Promise<number | NodeJS.Signals | null>;
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** The program of which this is one mode. */
  readonly program: string;
  /** Where a session costs a process of its own, thousands are out of reach. */
  readonly childPerSession?: boolean;
  readonly sessions: boolean;
  /** The command after `node`. */
  command(port: number): readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

const START_MS = 30_000;
const STOP_MS = 10_000;

/** Nothing that was started outlives an interrupted run. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) {
    // A bridge that is killed does not end its server.
    for (const pid of echoChildren(child.pid ?? 0)) process.kill(pid, 'SIGKILL');
    child.kill('SIGKILL');
  }
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Processes below `pid` that run the echo child. */
export function echoChildren(pid: number): number[] {
  let below: number[];
  try {
    below = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number);
  } catch {
    return [];
  }
  return below
    .filter((child) => child > 0)
    .flatMap((child) => {
      const inner = echoChildren(child);
      if (inner.length > 0) return inner;
      return isEcho(child) ? [child] : [];
    });
}

function isEcho(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(ECHO_CHILD);
  } catch {
    return false;
  }
}

/** Starts a contender and waits until a call succeeds. */
export async function start(
  contender: Contender,
  more: Record<string, string> = {},
): Promise<Started> {
  const port = await freePort();
  const child = spawn(process.execPath, [...contender.command(port)], {
    env: {
      PATH: process.env.PATH ?? '',
      NODE_ENV: 'production',
      ...contender.env,
      PORT: String(port),
      ...more,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // What it says, the audit too, is read and thrown away, but for the last of it.
  let said: Buffer = Buffer.alloc(0);
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => {
      said = piece.subarray(-2000);
    });
  const exit = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('exit', (code, signal) => {
      running.delete(child);
      resolve(signal ?? code);
    }),
  );
  running.add(child);
  const target: Target = {
    url: `http://127.0.0.1:${port}/mcp`,
    headers: contender.headers ?? {},
    sessions: contender.sessions,
  };
  const stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exit;
    clearTimeout(late);
  };
  const client = new McpClient(target, 1);
  const deadline = performance.now() + START_MS;
  for (;;) {
    const failure = await probe(client);
    if (failure === undefined) break;
    if (performance.now() > deadline || child.exitCode !== null) {
      await stop();
      throw new Error(`${contender.name} did not start: ${failure}\n${said}`);
    }
    await delay(50);
  }
  await client.close();
  return { target, process: child, pid: child.pid ?? 0, exit, stop };
}

/** One session and one call. @returns what failed */
async function probe(client: McpClient): Promise<string | undefined> {
  try {
    const session = await client.open();
    await client.call(session, 'echo', { text: 'ready' });
    await client.end(session);
    return undefined;
  } catch (error) {
    return String(error);
  }
}
