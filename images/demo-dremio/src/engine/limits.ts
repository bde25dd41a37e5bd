/** What one statement may cost: SQL comes from outside, and often from a model. */
export interface EngineLimits {
  /** A statement that runs longer is interrupted. Milliseconds. */
  readonly statementMs: number;
  /** A result with more rows fails. */
  readonly rows: number;
  /** A result whose rows take more JSON text fails. Bytes. */
  readonly resultBytes: number;
  /** Memory of the engine for all statements together. MiB. */
  readonly memoryMiB: number;
  /** Threads of the engine for all statements together. */
  readonly threads: number;
}

export const DEFAULT_ENGINE_LIMITS: EngineLimits = {
  statementMs: 30_000,
  rows: 100_000,
  resultBytes: 16 * 1024 * 1024,
  memoryMiB: 192,
  threads: 2,
};
