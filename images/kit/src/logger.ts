/**
 * Structured log: one JSON object a line with `time`, `level`, `service`, `event` and fields. Audit lines add
 * `audit: true`, `run` and a gap-free `seq`. A last step replaces every known secret, whatever line it is on.
 */
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { GatheredLines, type LineSink } from './gathered-lines.ts';
import { Scrubber } from './scrubber.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type Fields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(event: string, fields?: Fields): void;
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
  /**
   * Writes an audit line, at every level setting. `run` is random and the same for all lines of this logger,
   * `seq` counts them from 1: together a record without gaps across restarts.
   */
  audit(event: string, fields?: Fields): void;
  /**
   * Replaces this value with `[redacted]` in every later line of this logger and its children, until the
   * function that comes back is called: for secrets that are replaced again and again.
   */
  protect(secret: string): () => void;
  /** A logger that adds `fields` to each of its lines. */
  child(fields: Fields): Logger;
}

export interface LoggerOptions {
  /** The service's name, as on its container label. */
  service: string;
  level: LogLevel;
  /** Where lines go, one by one; standard output, those of ten milliseconds together, when left out. */
  destination?: LineSink;
}

/** An error in words, without its stack: what may stand in a log line or an answer. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  const text = error.message || code || error.name;
  return error.cause === undefined ? text : `${text}: ${errorText(error.cause)}`;
}

/** The member `time` of a line; made once for all lines of the same millisecond. */
function timeMember(): () => string {
  let at = Number.NaN;
  let member = '';
  return () => {
    const now = Date.now();
    if (now !== at) member = `,"time":"${new Date(now).toISOString()}"`;
    at = now;
    return member;
  };
}

export function createLogger({ service, level, destination }: LoggerOptions): Logger {
  const scrubber = new Scrubber();
  const out = destination ?? new GatheredLines(process.stdout);
  const root = pino(
    {
      level,
      base: { service },
      timestamp: timeMember(),
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: errorText },
    },
    { write: (line: string) => out.write(scrubber.scrub(line)) },
  );
  const run = randomBytes(8).toString('hex');
  let seq = 0;
  const wrap = (inner: typeof root): Logger => {
    // Audit lines are records, not diagnostics: a level setting must not make gaps in them.
    const auditor = inner.child({}, { level: 'info' });
    return {
      debug: (event, fields) => inner.debug({ event, ...fields }),
      info: (event, fields) => inner.info({ event, ...fields }),
      warn: (event, fields) => inner.warn({ event, ...fields }),
      error: (event, fields) => inner.error({ event, ...fields }),
      audit: (event, fields) => auditor.info({ event, audit: true, run, seq: ++seq, ...fields }),
      protect: (secret) => scrubber.add(secret),
      child: (fields) => wrap(inner.child(fields)),
    };
  };
  return wrap(root);
}
