/** Wraps a child's standard error into our log: line by line, bounded in length and rate, secrets replaced. */
import type { Clock } from '../../../../kit/src/clock.ts';
import type { Logger } from '../../../../kit/src/logger.ts';
import { redactBearers } from '../../redact.ts';
import { LineSplitter } from './lines.ts';

const MAX_LINE_BYTES = 64 * 1024;
const MAX_TEXT = 2_000;
const LINES_PER_SECOND = 50;
const TAIL_LINES = 10;

/** Written by the Python SDK for every request: our own metrics and audit say more. */
const NOISE = 'Processing request of type ';
const LEVELS: Readonly<Record<string, 'debug' | 'info' | 'warn' | 'error'>> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  warn: 'warn',
  error: 'error',
  critical: 'error',
};

interface Entry {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly text: string;
}

/** Reads a structured log line of the official server; other text counts as debug output. */
function readEntry(line: string): Entry {
  if (line.startsWith('{'))
    try {
      const { level, message, logger } = JSON.parse(line) as Record<string, unknown>;
      if (typeof message === 'string')
        return {
          level: LEVELS[String(level)] ?? 'info',
          text: typeof logger === 'string' ? `${logger}: ${message}` : message,
        };
    } catch {
      // Not JSON after all: taken as text.
    }
  return { level: 'debug', text: line };
}

/** What a line says, without secrets. */
function shown({ bytes, more }: Line): Entry {
  const { level, text } = readEntry(`${bytes.toString('utf8')}${more}`);
  return { level, text: redactBearers(text).slice(0, MAX_TEXT) };
}

interface Line {
  readonly bytes: Buffer;
  /** What is said of its rest when it was too long. */
  readonly more: string;
}

export class StderrLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #lines: LineSplitter;
  #second = 0;
  #written = 0;
  #dropped = 0;
  readonly #tail: Line[] = [];

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#lines = new LineSplitter(MAX_LINE_BYTES, {
      line: (bytes) => this.#line({ bytes, more: '' }),
      oversize: (bytes, _tail, length) =>
        this.#line({ bytes, more: ` … (${length} bytes in one line)` }),
    });
  }

  push(chunk: Buffer): void {
    this.#lines.push(chunk);
  }

  /** The last lines, for the report of an unexpected end. */
  tail(): readonly string[] {
    return this.#tail.map((line) => shown(line).text);
  }

  /** Reports what the rate limit held back. */
  flush(): void {
    if (this.#dropped > 0) this.#log.warn('child_stderr_dropped', { lines: this.#dropped });
    this.#dropped = 0;
  }

  #line(line: Line): void {
    const second = Math.floor(this.#clock.now() / 1000);
    if (second !== this.#second) {
      this.flush();
      this.#second = second;
      this.#written = 0;
    }
    const isOver = this.#written >= LINES_PER_SECOND;
    // What will not be written is not even decoded: a flood would take the time of calls.
    const entry = isOver && !line.bytes.includes(NOISE) ? undefined : shown(line);
    if (entry && (entry.text.trim() === '' || entry.text.startsWith(NOISE))) return;
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    if (isOver) this.#dropped++;
    else if (entry) {
      this.#written++;
      this.#log[entry.level]('child_stderr', { text: entry.text });
    }
  }
}
