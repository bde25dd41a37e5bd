/** Starts the refresher as its container does: a process of its own, settings in the environment, secrets in files. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileCache } from './compile-cache.ts';

const MAIN = new URL('../../images/refresher/src/main.ts', import.meta.url).pathname;

export type LogLine = { event: string; audit?: boolean; seq?: number } & Record<string, unknown>;

/** A folder with a password file and an empty token folder. */
export interface Workplace {
  folder: string;
  passwordFile: string;
  tokenFolder: string;
  tokenFile: string;
  remove(): Promise<void>;
}

export async function makeWorkplace(password: string): Promise<Workplace> {
  const folder = await mkdtemp(join(tmpdir(), 'refresher-'));
  const tokenFolder = join(folder, 'token');
  const passwordFile = join(folder, 'password');
  await mkdir(tokenFolder, { mode: 0o2750 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o400 });
  return {
    folder,
    passwordFile,
    tokenFolder,
    tokenFile: join(tokenFolder, 'token.json'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface RefresherProcess {
  readonly child: ChildProcess;
  /** Everything written to standard output and standard error so far. */
  readonly output: string;
  /** The log lines so far; every line must be JSON. */
  readonly lines: LogLine[];
  /** Resolves with the first line of this event. */
  logged(event: string, timeoutMs?: number): Promise<LogLine>;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
}

/** The refresher's command, with nothing of this process's environment but the path. */
export function refresherCommand(environment: Record<string, string>, args: string[] = []) {
  return {
    file: process.execPath,
    args: [MAIN, ...args],
    env: {
      PATH: process.env.PATH ?? '',
      ...compileCache,
      OPERATIONS_PORT: '0',
      ...environment,
    },
  };
}

export function startRefresherProcess(environment: Record<string, string>): RefresherProcess {
  const { file, args, env } = refresherCommand(environment);
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const lines: LogLine[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    rest += text;
    const complete = rest.split('\n');
    rest = complete.pop() ?? '';
    for (const line of complete) lines.push(JSON.parse(line));
    child.emit('lines');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const exited = once(child, 'close').then(
    ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
  );
  return {
    child,
    get output() {
      return output;
    },
    lines,
    exited,
    async logged(event, timeoutMs = 5000) {
      const signal = AbortSignal.timeout(timeoutMs);
      for (;;) {
        const line = lines.find((candidate) => candidate.event === event);
        if (line) return line;
        try {
          await once(child, 'lines', { signal });
        } catch {
          throw new Error(`no log line ${event} within ${timeoutMs} ms; got:\n${output}`);
        }
      }
    },
  };
}
