import { CommandError, EXIT } from '../command-error.ts';
import { openSession } from '../session.ts';
import type { LoggedLine, RunningStack } from '../stack/running.ts';
import { logLine } from '../terminal/log-line.ts';
import { styleFor } from '../terminal/style.ts';

export interface LogsOptions {
  readonly stack: string;
  readonly component?: string;
  readonly follow: boolean;
  /** Newest lines of each service to begin with. */
  readonly tail: number;
  /** The services' own JSON lines, as they are. */
  readonly json: boolean;
}

/** Prints what the services log; as they wrote it into a pipe or with `json`, for reading on a terminal. */
export async function logs(project: string, options: LogsOptions): Promise<void> {
  const { running } = await openSession(project, options.stack);
  const present = await componentsOf(running);
  const wanted = options.component === undefined ? present : [options.component];
  if (wanted.some((component) => !present.includes(component)) || present.length === 0)
    throw unknownComponent(options.component, present);
  const raw = options.json || !process.stdout.isTTY;
  const style = styleFor(process.stdout);
  const width = Math.max(...wanted.map(({ length }) => length)) + NUMBER_WIDTH[running.platform];
  const several = wanted.length > 1 || running.platform === 'swarm';
  const print = ({ source, text }: LoggedLine) => {
    const prefix = several ? `${source.padEnd(width)} ` : '';
    process.stdout.write(raw ? `${text}\n` : `${style.dim(prefix)}${logLine(text, style)}\n`);
  };
  process.once('SIGINT', () => process.exit(0));
  // A reader such as `head` that has seen enough closes the pipe.
  process.stdout.on('error', () => process.exit(0));
  await running.readLogs(options, print);
}

/** Room for the number of a task behind its component. */
const NUMBER_WIDTH = { containers: 0, swarm: 2 } as const;

/** Components that are there, in the order in which a request passes them. */
async function componentsOf(running: RunningStack): Promise<string[]> {
  const { instances, swarm } = await running.look();
  const all: readonly { readonly component: string }[] = swarm?.services ?? instances;
  return [...new Set(all.map(({ component }) => component))];
}

function unknownComponent(wanted: string | undefined, present: readonly string[]): CommandError {
  if (present.length === 0)
    return new CommandError('Nothing of the stack runs.', {
      exitCode: EXIT.notReady,
      advice: ['Deploy it: npm run up'],
    });
  return new CommandError(`The stack has no component "${wanted}"; it has ${present.join(', ')}.`, {
    exitCode: EXIT.usage,
  });
}
