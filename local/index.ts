/**
 * Runs a Pulumi program against the Docker engine without the Pulumi CLI: for trying out and for
 * tests. The real engine is `pulumi up`.
 */

import type {
  DestroyOptions,
  PreviewResult,
  RunnerOptions,
  StackOutput,
  Summary,
  UpResult,
} from './types.ts';

export { RunnerError } from './errors.ts';
export type * from './types.ts';

/** Makes the engine match the program. Throws a RunnerError with every resource that failed. */
export declare function up(options: RunnerOptions): Promise<UpResult>;

/** What `up` would do; best effort, changes nothing on the engine or in the state. */
export declare function preview(options: RunnerOptions): Promise<PreviewResult>;

/** Deletes what `up` made. Protected resources stay, and are said, unless `deleteData`. */
export declare function destroy(options: DestroyOptions): Promise<Summary>;

/** The outputs of the last successful `up`, from the state. */
export declare function outputs(options: {
  stateDir: string;
  passphrase: string;
}): Promise<Record<string, StackOutput>>;
