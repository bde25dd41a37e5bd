/** The life of a service: settings, logger, start, orderly stop. Each service's `main.ts` is one call. */
import { createLogger, errorText, LOG_LEVELS, type Logger } from './logger.ts';
import { readSettings, type Schema, SettingsError, setting, type Values } from './settings.ts';

/** Exit codes, after sysexits.h: the settings are wrong; the program failed; it could not start. */
export const EXIT = { settings: 78, failed: 70, unavailable: 69 } as const;

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
    doc: 'TCP port of /livez, /readyz, /startupz and /metrics',
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
  start(context: { settings: Values<S>; log: Logger }): Promise<Running>;
}

/**
 * Runs a service until SIGTERM or SIGINT, then stops it and exits 0; a second signal exits at once.
 * Wrong settings exit 78 with every problem; a failed start exits 69; an unexpected error exits 70.
 */
export async function runService<S extends Schema & typeof commonSettings>(
  definition: ServiceDefinition<S>,
): Promise<void> {
  const { service, schema, start } = definition;
  let settings: Values<S>;
  try {
    settings = readSettings(schema, process.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return refuse(createLogger({ service, level: 'error' }), error);
  }
  const log = createLogger({ service, level: settings.logLevel as (typeof LOG_LEVELS)[number] });
  const die = (event: string, code: number) => (error: unknown) => {
    log.error(event, { error: errorText(error) });
    process.exit(code);
  };
  process.on('uncaughtException', die('unexpected_error', EXIT.failed));
  process.on('unhandledRejection', die('unexpected_error', EXIT.failed));

  let stopping = false;
  let running: Running | undefined;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(0);
    stopping = true;
    log.info('stopping', { signal });
    Promise.resolve(running?.stop()).then(
      () => {
        log.info('stopped');
        process.exit(0);
      },
      die('stop_failed', EXIT.failed),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  log.info('starting', { node: process.version });
  try {
    running = await start({ settings, log });
  } catch (error) {
    // What a setting names, a file or a list, is found wrong only at the start.
    if (error instanceof SettingsError) refuse(log, error);
    else die('start_failed', EXIT.unavailable)(error);
  }
}

function refuse(log: Logger, { problems }: SettingsError): never {
  for (const problem of problems) log.error('setting_wrong', { problem });
  process.exit(EXIT.settings);
}
