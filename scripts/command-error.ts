/** Exit codes of every command; `--help` lists them. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  noEngine: 3,
  notReady: 4,
  interrupted: 130,
} as const;

/**
 * An error that a user can act on: printed as its message and the advice below it, never with a stack trace.
 * Neither text may hold a secret.
 */
export class CommandError extends Error {
  readonly exitCode: number;
  /** What to do about it: sentences, or commands to type. */
  readonly advice: readonly string[];

  constructor(
    message: string,
    options: { exitCode?: number; advice?: readonly string[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'CommandError';
    this.exitCode = options.exitCode ?? EXIT.failed;
    this.advice = options.advice ?? [];
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '')
    return thrown.errors.map(messageOf).join('; ');
  if (!(thrown instanceof Error)) return String(thrown);
  // What fetch throws says nothing; its cause does.
  const hidden = thrown.message === 'fetch failed' && thrown.cause !== undefined;
  return hidden ? messageOf(thrown.cause) : thrown.message;
}

/** The system's code of an error (`ENOENT`, `ECONNREFUSED` …), looked for down the chain of causes. */
export function codeOf(thrown: unknown): string | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; depth += 1) {
    if ('code' in error && typeof error.code === 'string') return error.code;
    error = error instanceof AggregateError ? error.errors[0] : error.cause;
  }
  return undefined;
}
