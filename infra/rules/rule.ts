/** A resource as it is about to be made: what every engine of deployment knows of it. */
export interface RuledResource {
  /** Pulumi type token, for example `docker:index/container:Container`. */
  readonly type: string;
  /** Name in the program. */
  readonly name: string;
  /** Inputs with secrets as they are; a rule never puts a value that may be one into its message. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** An option that is left out is one that the engine of deployment does not tell. */
  readonly options: { readonly protect?: boolean; readonly retainOnDelete?: boolean };
}

export interface RuleContext {
  readonly stack: string;
  readonly environment: Environment;
  /** A preview may warn of what the deployment refuses; false when left out. */
  readonly preview?: boolean;
}

export type Environment = 'dev' | 'prod';

/** What Swarm runs is production, and so is what is called so. */
export const environmentOf = (stack: string, platform: string | undefined): Environment =>
  platform === 'swarm' || stack === 'prod' ? 'prod' : 'dev';

interface Stated {
  /** kebab-case, stable. */
  readonly id: string;
  /** What must hold, in one sentence. */
  readonly says: string;
  /** The only environment in which it must; both when left out. */
  readonly only?: Environment;
  /** A preview goes on without it, since it may be met before the deployment; that the program warns of it is enough. */
  readonly previewWarns?: boolean;
}

/** One thing that must hold for a resource. `check` says what is wrong and what to write instead; empty = fine. */
export interface Rule extends Stated {
  readonly types: readonly string[];
  check(resource: RuledResource, context: RuleContext): readonly string[];
}

/** One thing that must hold for all resources of a stack together. */
export interface StackRule extends Stated {
  checkStack(resources: readonly RuledResource[], context: RuleContext): readonly string[];
}

export const CONTAINER = 'docker:index/container:Container';
export const SERVICE = 'docker:index/service:Service';
export const IMAGE = 'docker:index/image:Image';
export const NETWORK = 'docker:index/network:Network';
export const VOLUME = 'docker:index/volume:Volume';
export const SECRET = 'docker:index/secret:Secret';
