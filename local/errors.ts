import type { ResourceFailure } from './types.ts';

/**
 * A run that could not do what was asked. The message is for users: what happened, the value,
 * what was allowed, the command that fixes it; it carries no secret.
 */
export class RunnerError extends Error {
  /** The resources that failed; empty when the run failed before or beside them. */
  readonly failures: readonly ResourceFailure[];

  constructor(message: string, failures: readonly ResourceFailure[] = [], options?: ErrorOptions) {
    super(message, options);
    this.name = 'RunnerError';
    this.failures = failures;
  }
}
