import { openSession } from '../session.ts';
import { readLogs } from '../stack/container-logs.ts';
import { findComponent, isService, stackContainers } from '../stack/containers.ts';
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
  const { docker } = await openSession(project, options.stack);
  const containers = await stackContainers(docker, options.stack);
  const wanted =
    options.component === undefined
      ? containers.filter(isService)
      : [findComponent(containers, options.component)];
  if (wanted.length === 0) findComponent(containers, '');
  const raw = options.json || !process.stdout.isTTY;
  const style = styleFor(process.stdout);
  const width = Math.max(...wanted.map(({ component }) => component.length));
  const print = (component: string, line: string) => {
    const prefix = wanted.length > 1 ? `${component.padEnd(width)} ` : '';
    process.stdout.write(raw ? `${line}\n` : `${style.dim(prefix)}${logLine(line, style)}\n`);
  };
  process.once('SIGINT', () => process.exit(0));
  // A reader such as `head` that has seen enough closes the pipe.
  process.stdout.on('error', () => process.exit(0));
  await Promise.all(
    wanted.map((container) =>
      readLogs(docker, container, options, (line) => print(container.component, line)),
    ),
  );
}
