import type {
  EngineEvent,
  PlannedChange,
  StackOutput,
  Summary,
  UpResult,
} from '../../local/types.ts';

/** Which engine of deployment made a stack: the Pulumi CLI, or the runner in local/. */
export type EngineKind = 'pulumi' | 'local';

export interface RunOptions {
  readonly onEvent: (event: EngineEvent) => void;
  /** Aborting starts nothing new; what is under way finishes and the state is saved. */
  readonly signal: AbortSignal;
}

/** What an `up` would do. */
export interface Preview {
  /** Everything but what stays as it is. */
  readonly changes: readonly PlannedChange[];
  readonly summary: Summary;
  /** Rules that the stack breaks, a sentence each; then it cannot be deployed. */
  readonly violations: readonly string[];
}

/** A stack in the hands of one engine of deployment. Failures are CommandErrors for the user. */
export interface Deployment {
  readonly kind: EngineKind;
  /** @param options `trial` lets the runner make a production stack; the Pulumi CLI needs no leave. */
  up(options: RunOptions & { readonly trial: boolean }): Promise<UpResult>;
  /** What `up` would do; changes nothing. */
  preview(options: RunOptions): Promise<Preview>;
  destroy(options: RunOptions & { deleteData: boolean }): Promise<Summary>;
  /** Outputs of the last successful `up`; empty when there was none. */
  outputs(): Promise<Record<string, StackOutput>>;
}

export type { EngineEvent, PlannedChange, StackOutput, Summary, UpResult };
