/**
 * How one container is confined, whichever resource describes it: the rules judge this record, so that each stands
 * once for plain containers and for Swarm services.
 */
import { fromContainer } from './container-inputs.ts';
import type { Mount } from './mounts.ts';
import { CONTAINER, type Rule, type RuleContext, type RuledResource, SERVICE } from './rule.ts';
import { fromService } from './service-inputs.ts';

/** Names of the inputs, as a message must call them. */
export interface Settings {
  readonly image: string;
  readonly drops: string;
  readonly adds: string;
  readonly securityOptions: string;
  readonly memory: string;
  readonly swap: string;
  readonly cpus: string;
  readonly ulimits: string;
  readonly log: string;
  readonly user: string;
  readonly readOnly: string;
  readonly tests: string;
  readonly init: string;
  readonly restart: string;
  readonly sysctls: string;
  readonly networks: string;
  readonly ports: string;
  readonly secretMode: string;
  readonly secretOwner: string;
}

export interface SecretFile {
  readonly name: string;
  /** Octal permissions; undefined where the resource leaves them to the engine. */
  readonly mode: number | undefined;
  /** Numeric owner; undefined where something else gives the file away. */
  readonly owner: string | undefined;
}

export interface PublishedPort {
  readonly inside: number;
  /** As the message names it. */
  readonly outside: string;
  /** Address of the machine that it listens on. */
  readonly address: string;
}

export interface Confinement {
  readonly settings: Settings;
  readonly component: string | undefined;
  /** Fills a volume, ends by itself and is gone: no service. */
  readonly brief: boolean;
  readonly image: string;
  readonly user: string;
  readonly readOnlyRoot: boolean;
  readonly drops: readonly string[];
  readonly adds: readonly string[];
  readonly securityOptions: readonly string[];
  /** What it has of the host, in sentences that say what to remove. */
  readonly ofTheHost: readonly string[];
  readonly mounts: readonly Mount[];
  /** Limits in the platform's own unit; 0 = none. */
  readonly memory: number;
  /** Memory and swap together, in the same unit. */
  readonly memoryAndSwap: number;
  readonly cpus: number;
  /** Names of the limits of a process that are set. */
  readonly ulimits: readonly string[];
  readonly log: { readonly size: string; readonly files: string };
  readonly tests: readonly string[];
  readonly init: boolean;
  /** Comes back after every crash, however many there were. */
  readonly restarts: boolean;
  readonly sysctls: Readonly<Record<string, unknown>>;
  readonly networks: number;
  readonly ports: readonly PublishedPort[];
  readonly secretFiles: readonly SecretFile[];
  readonly environment: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Words of its command line. */
  readonly words: readonly string[];
}

export const confinementOf = ({ type, inputs }: RuledResource): Confinement =>
  type === SERVICE ? fromService(inputs) : fromContainer(inputs);

/** A rule for everything that runs; `judge` says what is wrong. */
export function everyContainer(
  stated: Omit<Rule, 'types' | 'check'>,
  judge: (it: Confinement, context: RuleContext) => readonly string[],
): Rule {
  return {
    ...stated,
    types: [CONTAINER, SERVICE],
    check: (resource, context) => judge(confinementOf(resource), context),
  };
}

/** A rule for what stays up and can be reached. */
export const everyService: typeof everyContainer = (stated, judge) =>
  everyContainer(stated, (it, context) => (it.brief ? [] : judge(it, context)));
