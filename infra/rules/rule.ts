/** A resource as it is about to be made: what every engine of deployment knows of it. */
export interface RuledResource {
  /** Pulumi type token, for example `docker:index/container:Container`. */
  readonly type: string;
  /** Name in the program. */
  readonly name: string;
  /** Inputs with secrets as they are; a rule never puts a value into its message. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly options: { readonly protect?: boolean; readonly retainOnDelete?: boolean };
}

export interface RuleContext {
  readonly stack: string;
  readonly environment: 'dev' | 'prod';
}

/** One thing that must hold. `check` says what is wrong and what to write instead; empty = fine. */
export interface Rule {
  /** kebab-case, stable. */
  readonly id: string;
  readonly types: readonly string[];
  check(resource: RuledResource, context: RuleContext): readonly string[];
}

export const CONTAINER = 'docker:index/container:Container';

export const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
