/** What the commands in scripts/ and the runner say to each other. */

import type { DockerOptions } from 'dockerode';

/** What happens to one resource in a run. */
export type Operation = 'create' | 'same' | 'update' | 'replace' | 'delete';

/** What a run reports while it works. No event carries a secret: known secret values are masked. */
export type EngineEvent =
  | { kind: 'start'; urn: string; type: string; name: string; operation: Operation }
  /** A step inside a resource: a build step, "waiting until healthy". */
  | { kind: 'progress'; urn: string; message: string }
  | { kind: 'done'; urn: string; operation: Operation; durationMs: number }
  | { kind: 'failed'; urn: string; message: string; durationMs: number }
  | { kind: 'message'; severity: 'info' | 'warning' | 'error'; message: string };

export interface RunnerOptions {
  /** The folder that holds Pulumi.yaml. */
  projectDir: string;
  /** Name of the stack, for example `dev`. */
  stack: string;
  /** Path of the stack's config file; a file that does not exist counts as empty. */
  configFile: string;
  /** Opens `secure:` values of the config file and the secrets in the state. May be empty, as in Pulumi. */
  passphrase: string;
  /** Folder of the stack's state (`.lakehouse/<stack>`); made when it does not exist. */
  stateDir: string;
  /** How to reach the engine when the stack's `docker:host` does not say; default as dockerode's. */
  docker?: DockerOptions;
  /** Makes Swarm services too, which are for production and so for the Pulumi CLI: to try them out. */
  trial?: boolean;
  onEvent?(event: EngineEvent): void;
  /** Aborting starts nothing new; what is under way finishes and the state is saved. */
  signal?: AbortSignal;
}

export interface StackOutput {
  value: unknown;
  /** True when the program marks the value as secret: do not print it unasked. */
  secret: boolean;
}

/** How many resources had each operation; components are not counted. */
export interface Summary {
  create: number;
  same: number;
  update: number;
  replace: number;
  delete: number;
  durationMs: number;
}

export interface UpResult {
  outputs: Record<string, StackOutput>;
  summary: Summary;
}

export interface PlannedChange {
  urn: string;
  operation: Operation;
  /** Why, in plain words, for example "inputs changed: memory". */
  reason: string;
}

export interface PreviewResult {
  summary: Summary;
  /** Everything but `same`. */
  changes: PlannedChange[];
}

export interface DestroyOptions extends RunnerOptions {
  /** Also deletes what the program protects (`protect`, `retainOnDelete`): the user's data. */
  deleteData: boolean;
}

export interface ResourceFailure {
  urn: string;
  message: string;
}
