/** Reads a resource registration as the SDK sends it to its engine. */

import { createUrn, type Registration } from './registration.ts';

/** The parts of `RegisterResourceRequest` that are read (pulumi/pulumi proto/pulumi/resource.proto). */
export interface RegisterRequest {
  getType(): string;
  getName(): string;
  getParent(): string;
  getCustom(): boolean;
  getRemote(): boolean;
  /** A google.protobuf.Struct; its plain form marks secrets and unknowns by their signatures. */
  getObject(): { toJavaScript(): Record<string, unknown> };
  getProtect(): boolean;
  getRetainondelete(): boolean;
  getDeletebeforereplace(): boolean;
  getReplaceonchangesList(): string[];
  getIgnorechangesList(): string[];
  getAdditionalsecretoutputsList(): string[];
  getDependenciesList(): string[];
  getAliasesList(): AliasMessage[];
  getProvider(): string;
  getImportid(): string;
  getDeletedwith(): string;
  getReplaceWithList(): string[];
  getReplacementTrigger(): unknown;
  getTransformsList(): unknown[];
  getStateMigrationsList(): unknown[];
  getHooks(): { toObject(): Record<string, unknown> } | undefined;
  getCustomtimeouts(): { toObject(): Record<string, string> } | undefined;
  getEnvvarmappingsMap(): { getLength(): number };
}

interface AliasMessage {
  getUrn(): string;
  getSpec():
    | {
        getName(): string;
        getType(): string;
        getStack(): string;
        getProject(): string;
        getParenturn(): string;
        getNoparent(): boolean;
      }
    | undefined;
}

export function describeRequest(
  request: RegisterRequest,
  project: string,
  stack: string,
): Registration {
  const type = request.getType();
  const name = request.getName();
  const parent = request.getParent() || undefined;
  return {
    urn: createUrn(stack, project, type, name, parent),
    type,
    name,
    custom: request.getCustom(),
    ...(parent === undefined ? {} : { parent }),
    inputs: request.getCustom() ? request.getObject().toJavaScript() : {},
    dependencies: request.getDependenciesList(),
    options: {
      protect: request.getProtect(),
      retainOnDelete: request.getRetainondelete(),
      deleteBeforeReplace: request.getDeletebeforereplace(),
      replaceOnChanges: request.getReplaceonchangesList(),
      ignoreChanges: request.getIgnorechangesList(),
      additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
      aliases: request
        .getAliasesList()
        .map((alias) => aliasUrn(alias, { type, name, parent, project, stack })),
      refused: refusedOptions(request),
    },
  };
}

interface Identity {
  type: string;
  name: string;
  parent: string | undefined;
  project: string;
  stack: string;
}

/** What an alias leaves out is as the resource has it now. */
function aliasUrn(alias: AliasMessage, now: Identity): string {
  const spec = alias.getSpec();
  if (spec === undefined) return alias.getUrn();
  return createUrn(
    spec.getStack() || now.stack,
    spec.getProject() || now.project,
    spec.getType() || now.type,
    spec.getName() || now.name,
    spec.getNoparent() ? undefined : spec.getParenturn() || now.parent,
  );
}

/** Names of the options that are set and that the runner has no way to honour. */
function refusedOptions(request: RegisterRequest): string[] {
  const set = (value: unknown): boolean =>
    Array.isArray(value) ? value.length > 0 : value !== undefined && value !== '' && value !== 0;
  const anySet = (object: { toObject(): Record<string, unknown> } | undefined): boolean =>
    Object.values(object?.toObject() ?? {}).some(set);
  const options: [string, boolean][] = [
    ['provider', set(request.getProvider())],
    ['import', set(request.getImportid())],
    ['deletedWith', set(request.getDeletedwith())],
    ['replaceWith', set(request.getReplaceWithList())],
    ['replacementTrigger', set(request.getReplacementTrigger())],
    ['transforms', set(request.getTransformsList())],
    ['stateMigrations', set(request.getStateMigrationsList())],
    ['hooks', anySet(request.getHooks())],
    ['customTimeouts', anySet(request.getCustomtimeouts())],
    ['envVarMappings', request.getEnvvarmappingsMap().getLength() > 0],
    // A component's own former names would change those of all its children.
    ['aliases', !request.getCustom() && set(request.getAliasesList())],
    // Components written in another language live in a plugin.
    ['remote', request.getRemote()],
  ];
  return options.filter(([, isSet]) => isSet).map(([name]) => name);
}
