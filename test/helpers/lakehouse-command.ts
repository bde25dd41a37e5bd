/** Runs the project's command-line tool as a user does: a process of its own, in a checkout. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../..', import.meta.url));

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  /** Text for standard input, which is closed after it. */
  input?: string;
  environment?: Record<string, string>;
  /** Words before the command that start it somewhere else, such as in another network. */
  inside?: readonly string[];
  signal?: AbortSignal;
  /** The checkout; this one when left out. */
  directory?: string;
}

/** Runs `lakehouse <args>`; never rejects for an exit code. */
export function lakehouse(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const words = [process.execPath, 'scripts/lakehouse.mjs', ...args];
    const [program = '', ...rest] = [...(options.inside ?? []), ...words];
    const child = spawn(program, rest, {
      cwd: options.directory ?? repository,
      env: { ...process.env, NO_COLOR: '1', ...options.environment },
      ...(options.signal ? { signal: options.signal, killSignal: 'SIGINT' as const } : {}),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', (error) => {
      if (error.name !== 'AbortError') reject(error);
    });
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(options.input ?? '');
  });
}

/** Runs a command that must succeed. */
export async function lakehouseOk(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Outcome> {
  const outcome = await lakehouse(args, options);
  if (outcome.code !== 0)
    throw new Error(
      `lakehouse ${args.join(' ')} ended with ${outcome.code}:\n${outcome.stdout}\n${outcome.stderr}`,
    );
  return outcome;
}
