/** The life of a service: settings, logger, start, orderly stop. Each service's `main.ts` is one call. */
import { systemClock } from './clock.ts';
import { createLogger, errorText, LOG_LEVELS, type Logger, type LogLevel } from './logger.ts';
import { inspectSettings, type Schema, setting, type Values } from './settings.ts';

/** Exit codes, after sysexits.h: the settings are wrong; the program failed; it could not start. */
export const EXIT = { settings: 78, failed: 70, unavailable: 69 } as const;

/** How long a stop waits for the look at files that comes before the start. */
const LONGEST_LOOK_MS = 1000;

/** Settings that every service has. */
export const commonSettings = {
  logLevel: setting.oneOf({
    variable: 'LOG_LEVEL',
    doc: 'least severe log lines that are written; audit lines always are',
    choices: LOG_LEVELS,
    fallback: 'info',
  }),
  operationsPort: setting.integer({
    variable: 'OPERATIONS_PORT',
    doc: 'TCP port of `/livez`, `/readyz`, `/startupz` and `/metrics`',
    min: 0,
    max: 65535,
    fallback: '9090',
  }),
} as const;

export interface Running {
  /** Ends the service in order; must settle within the stop grace of its container. */
  stop(): Promise<void>;
}

export interface ServiceDefinition<S extends Schema> {
  service: string;
  schema: S;
  /**
   * Looks at settings that depend on each other. `settings` has those that could be read.
   * @returns a line for each problem; empty when there is none
   */
  relate?(settings: Partial<Values<S>>): readonly string[];
  /**
   * Looks at what settings name, such as files, before the start. `settings` has those that could be read.
   * @returns a line for each problem; empty when there is none
   */
  inspect?(settings: Partial<Values<S>>): Promise<readonly string[]>;
  start(context: { settings: Values<S>; log: Logger }): Promise<Running>;
}

/**
 * Runs a service until SIGTERM or SIGINT, then stops it and exits 0; a second signal exits at once. A wrong
 * setting exits 78 and an unusable file 69, with every problem of both kinds; a failed start exits 69, an
 * unexpected error 70.
 */
export async function runService<S extends Schema & typeof commonSettings>(
  definition: ServiceDefinition<S>,
): Promise<void> {
  const { service, schema } = definition;
  const { values, problems: alone } = inspectSettings(schema, process.env);
  const problems = [...alone, ...(definition.relate?.(values) ?? [])];
  const level = (values.logLevel as LogLevel | undefined) ?? 'info';
  const log = createLogger({ service, level });
  const die = (event: string, code: number) => (error: unknown) => {
    log.error(event, { error: errorText(error) });
    process.exit(code);
  };
  process.on('uncaughtException', die('unexpected_error', EXIT.failed));
  process.on('unhandledRejection', die('unexpected_error', EXIT.failed));

  let stopping = false;
  let inspection: Promise<readonly string[]> | undefined;
  let running: Running | undefined;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(0);
    stopping = true;
    log.info('stopping', { signal });
    // A look at files is not cut off, since what it wrote on trial would stay; unless it hangs, on a dead mount.
    Promise.race([inspection, systemClock.sleep(LONGEST_LOOK_MS)])
      .then(() => running?.stop())
      .then(() => {
        log.audit('stopped');
        process.exit(0);
      })
      .catch(die('stop_failed', EXIT.failed));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // The audit of every run begins with this line, and ends with `stopped` if the run did end in order.
  log.audit('starting', { node: process.version });
  try {
    inspection = definition.inspect?.(values);
    const all = [...problems, ...((await inspection) ?? [])];
    if (stopping) return;
    for (const problem of all) log.error('setting_wrong', { problem });
    if (all.length > 0) process.exit(problems.length > 0 ? EXIT.settings : EXIT.unavailable);
    running = await definition.start({ settings: values as Values<S>, log });
  } catch (error) {
    die('start_failed', EXIT.unavailable)(error);
  }
}
