/** What the runner must know of a kind of resource, and what such a kind may use. */

import type Dockerode from 'dockerode';
import type { Fields } from './shape.ts';
import type { StoredResource } from './state.ts';

/** How a resource that was made once is found on the engine. */
export type Live =
  | { is: 'as made' }
  /** There and right, but not running although it must. */
  | { is: 'stopped'; reason: string }
  /** There, but not what was made. */
  | { is: 'altered'; reason: string }
  /** There, but changed since by someone else, which an update puts right. */
  | { is: 'changed'; reason: string }
  | { is: 'missing'; reason: string };

/** Services of a run for one resource. */
export interface Context {
  /** Connects at first use. Throws a RunnerError when the engine does not answer. */
  docker(): Promise<Dockerode>;
  /** Folder that paths in inputs are relative to. */
  readonly programDir: string;
  /** True for a label that this stack wrote for this resource. */
  isOwn(label: string | undefined): boolean;
  /** True for the id of something that the state knows, so that it is not left over from a killed run. */
  isKnown(id: string): boolean;
  progress(message: string): void;
  warn(message: string): void;
  /** Removes containers and services of this stack that stand in the way; throws when one is not of this stack. */
  removeUsers(ids: readonly string[], reason: string): Promise<void>;
}

export interface Wanted {
  /** Name on the engine: the input's, or one made from the resource's name. */
  readonly name: string;
  /** In clear. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Value of the runner's label. */
  readonly label: string;
  /** To be called as soon as the engine knows the resource, so that a failure leaves no orphan. */
  begun(id: string, label?: string): void;
}

/** What the program gets beyond its inputs. */
export interface Made {
  readonly id: string;
  readonly outputs: Readonly<Record<string, unknown>>;
}

export interface ResourceType {
  readonly fields: Fields;
  readonly required: readonly string[];
  /** Inputs whose change needs no new resource; `all` when none does. */
  readonly inPlace: readonly string[] | 'all';
  /** Inputs, as paths, that need a new resource although what they are in changes in place. */
  needsNew?(
    before: Readonly<Record<string, unknown>>,
    after: Readonly<Record<string, unknown>>,
  ): string[];
  /** True when an update finishes what a run that failed or was killed has begun. */
  readonly resumes?: true;
  /** True when `name` is an input that may be left out. */
  readonly autoNamed: boolean;
  /** What is wrong with inputs that are each of the right shape. */
  check?(inputs: Readonly<Record<string, unknown>>): string[];
  /** Outputs in the form that they will have, for rules that are asked before anything is made. */
  foreseen?(inputs: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** Digests of what lies outside the inputs; a change of one is a change of the resource. */
  facts?(
    context: Context,
    inputs: Readonly<Record<string, unknown>>,
  ): Promise<Record<string, string>>;
  look(context: Context, stored: Located, wanted: Readonly<Record<string, unknown>>): Promise<Live>;
  create(context: Context, wanted: Wanted): Promise<Made>;
  /** Left out when nothing can change in place. */
  update?(context: Context, stored: Located, wanted: Wanted, live: Live): Promise<Made>;
  /** Left out when there is nothing to delete. Succeeds when it is already gone. */
  delete?(context: Context, stored: Located): Promise<void>;
}

/** A stored resource that was on the engine, with its inputs in clear. */
export type Located = StoredResource & { id: string };
