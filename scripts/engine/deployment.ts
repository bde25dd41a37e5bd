import type { EngineEvent, StackOutput, Summary, UpResult } from '../../local/types.ts';

/** Which engine of deployment made a stack: the Pulumi CLI, or the runner in local/. */
export type EngineKind = 'pulumi' | 'local';

export interface RunOptions {
  readonly onEvent: (event: EngineEvent) => void;
  /** Aborting starts nothing new; what is under way finishes and the state is saved. */
  readonly signal: AbortSignal;
}

/** A stack in the hands of one engine of deployment. Failures are CommandErrors for the user. */
export interface Deployment {
  readonly kind: EngineKind;
  up(options: RunOptions): Promise<UpResult>;
  destroy(options: RunOptions & { deleteData: boolean }): Promise<Summary>;
  /** Outputs of the last successful `up`; empty when there was none. */
  outputs(): Promise<Record<string, StackOutput>>;
}

export type { EngineEvent, StackOutput, Summary, UpResult };
