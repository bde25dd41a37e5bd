/** What the program asks for, as it travels from the program's process to the runner. */

/** The options of a resource that the runner honours, and the names of those it must refuse. */
export interface ResourceOptions {
  protect: boolean;
  retainOnDelete: boolean;
  deleteBeforeReplace: boolean;
  /** Names of inputs, or `*`. */
  replaceOnChanges: string[];
  /** Names of inputs, or `*`. */
  ignoreChanges: string[];
  additionalSecretOutputs: string[];
  /** URNs this resource had before. */
  aliases: string[];
  /** Options that are set and cannot be honoured. */
  refused: string[];
}

export interface Registration {
  urn: string;
  type: string;
  name: string;
  /** False for components. */
  custom: boolean;
  /** URN of the parent; undefined for the stack itself. */
  parent?: string;
  /** With secrets marked, and with `unknownValue` where a preview cannot know. */
  inputs: Record<string, unknown>;
  /** URNs of what it depends on, by option or by input. */
  dependencies: string[];
  options: ResourceOptions;
}

/** What the runner answers once the resource is there. */
export interface Registered {
  id?: string;
  /** With secrets marked. */
  state: Record<string, unknown>;
}

/** Stands for a value that a preview cannot know (pulumi runtime/rpc.ts `unknownValue`). */
export const unknownValue = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

/** URN of a resource (https://www.pulumi.com/docs/iac/concepts/resources/names/#urns). */
export function createUrn(
  stack: string,
  project: string,
  type: string,
  name: string,
  parent: string | undefined,
): string {
  const parentType = parent?.split('::')[2];
  const chain =
    parentType === undefined || parentType === rootType ? type : `${parentType}$${type}`;
  return `urn:pulumi:${stack}::${project}::${chain}::${name}`;
}

/** Type of the stack itself, the root of the resource tree. */
export const rootType = 'pulumi:pulumi:Stack';

/** Orders of the runner to the program's process. */
export type ToProgram =
  | {
      kind: 'run';
      entry: string;
      project: string;
      stack: string;
      preview: boolean;
      config: Record<string, string>;
      secretKeys: string[];
    }
  | { kind: 'registered'; sequence: number; result: Registered };

/** Reports of the program's process. */
export type FromProgram =
  | { kind: 'ready' }
  | { kind: 'register'; sequence: number; registration: Registration }
  | { kind: 'finished'; outputs: Record<string, { value: unknown; secret: boolean }> }
  | { kind: 'failed'; message: string };
