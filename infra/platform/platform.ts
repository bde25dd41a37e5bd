/**
 * The one seam between environments: the program says what a service *is*, a platform says how it runs.
 * Every service gets the platform's hardening without asking for it.
 */
import type * as pulumi from '@pulumi/pulumi';

/** Something other resources can be attached to, and wait for. */
export interface Handle {
  readonly resource: pulumi.Resource;
}

export interface Network {
  /** Name or id on the engine. */
  readonly name: pulumi.Input<string>;
}

export interface Volume {
  /** Name on the engine. */
  readonly name: pulumi.Input<string>;
  /** How a node that does not have it makes it; where a platform makes volumes when they are mounted. */
  readonly madeWith?: Readonly<Record<string, string>>;
}

export interface NetworkOptions {
  /** Whether it has no way out. */
  readonly internal: boolean;
  /** Whether what is not of this stack may join. */
  readonly open?: boolean;
}

/** A folder that lives in memory only, shared by the services that mount it. */
export interface MemoryVolumeSpec {
  readonly sizeKiB: number;
  /** Numeric owner and group of its root, and its octal mode, for example 0o2750. */
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** A service's user; numbers, never names. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

export interface PublishedPort {
  /** TCP port inside the container. */
  readonly inside: number;
  /** TCP port on the machine. */
  readonly outside: number;
  /** Address of the machine that it listens on; 0.0.0.0 is every one. */
  readonly address: string;
}

/** How many of a service run: one on each machine that is meant for it, or so many. */
export type Instances = 'one on each node' | number;

/** What an answer to a health check means: a call would succeed now, or it would have once. */
export type Health = 'readyz' | 'startupz';

export interface ServiceSpec {
  /** Short name: of the container, of its network alias, of its component label. */
  readonly component: string;
  /** Image by content (`sha256:…` or a digest). */
  readonly image: pulumi.Input<string>;
  readonly user: User;
  readonly instances: Instances;
  /** `label=value` of the machines meant for it, where there are several; all others when left out. */
  readonly nodeLabel?: string;
  /** The command inside the container that asks for its health, without a shell. */
  probe(health: Health): readonly string[];
  /** Plain settings. Nothing secret: environment is readable by everyone who reaches the engine. */
  readonly environment: Readonly<Record<string, string>>;
  /** Secrets by file name under /run/secrets, readable by the service's user alone; a change starts it anew. */
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
  /** Further such files, which the service reads again by itself: where the platform can, a change leaves it running. */
  readonly liveSecrets: Readonly<Record<string, pulumi.Output<string>>>;
  readonly mounts: readonly { volume: Volume; path: string; readOnly: boolean }[];
  /** Networks; on each the service answers to its component name. */
  readonly networks: readonly Network[];
  readonly ports: readonly PublishedPort[];
  /** Limit; swap is limited to the same, so none is used. */
  readonly memoryMiB: number;
  readonly cpus: number;
  /** Most files and connections that one of its processes may have open. */
  readonly descriptors: number;
  /** Size of the writable /tmp, in memory. */
  readonly temporaryMiB: number;
  /** Longest time the service needs to stop in order. */
  readonly stopGraceSeconds: number;
  /** Longest time until it is ready for the first time. */
  readonly startSeconds: number;
  /** Reaches the machine itself under the name `host.docker.internal`. */
  readonly reachesHost: boolean;
  /** Services that must be ready before this one starts. */
  readonly after: readonly Handle[];
  /** More labels; nothing secret. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Platform {
  /** A network of this stack; an internal one has no way out. */
  network(name: string, options: NetworkOptions, parent: pulumi.Resource): Network;
  /** A network that someone else made. */
  existingNetwork(name: string): Network;
  memoryVolume(name: string, spec: MemoryVolumeSpec, parent: pulumi.Resource): Volume;
  /** A volume for what must outlive the stack's containers; it is never deleted by an update. */
  dataVolume(name: string, parent: pulumi.Resource): Volume;
  service(spec: ServiceSpec, parent: pulumi.Resource): Handle;
  /** DNS name, on its networks, of all instances of a component. */
  nameOfAll(component: string): string;
}

/** Label of a volume that holds what cannot be made again. */
export const DATA_LABEL = 'lakehouse.data';

/** Name under which a container reaches the machine that it runs on. */
export const HOST_NAME = 'host.docker.internal';

/** The probe of services that have Node. */
export const nodeProbe = (health: Health) => ['node', '/app/images/kit/src/probe.js', health];
