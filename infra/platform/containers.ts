/** The platform for one machine: plain containers on its Docker engine. */
import * as docker from '@pulumi/docker';
import type * as pulumi from '@pulumi/pulumi';
import {
  CONFINEMENT,
  LOGGING,
  memoryFolder,
  SYSCTLS,
  temporaryFolder,
  ulimits,
} from './hardening.ts';
import {
  DATA_LABEL,
  HOST_NAME,
  type MemoryVolumeSpec,
  type NetworkOptions,
  type Platform,
  type ServiceSpec,
  type Volume,
} from './platform.ts';
import { secretFiles } from './secret-files.ts';

export class PlainContainers implements Platform {
  readonly #stack: string;

  constructor(stack: string) {
    this.#stack = stack;
  }

  network(name: string, { internal }: NetworkOptions, parent: pulumi.Resource) {
    const resource = new docker.Network(
      name,
      { name: this.#name(name), driver: 'bridge', internal, labels: this.#labels(name) },
      { parent },
    );
    return { name: resource.name };
  }

  existingNetwork(name: string) {
    return { name };
  }

  memoryVolume(name: string, spec: MemoryVolumeSpec, parent: pulumi.Resource): Volume {
    const resource = new docker.Volume(
      `${name}-volume`,
      {
        name: this.#name(name),
        driver: 'local',
        driverOpts: memoryFolder(spec),
        labels: this.#labels(name),
      },
      { parent },
    );
    return { name: resource.name };
  }

  dataVolume(name: string, parent: pulumi.Resource): Volume {
    const labels = [...this.#labels(name), { label: DATA_LABEL, value: 'true' }];
    const resource = new docker.Volume(
      `${name}-volume`,
      { name: this.#name(name), driver: 'local', labels },
      { parent },
    );
    return { name: resource.name };
  }

  /** @throws Error for more than one instance: one machine, one name, one port. */
  service(spec: ServiceSpec, parent: pulumi.Resource) {
    if (typeof spec.instances === 'number' && spec.instances !== 1)
      throw new Error(
        `"${spec.component}" runs ${spec.instances} times; plain containers run once`,
      );
    const secrets = secretFiles({
      component: spec.component,
      engineName: (name) => this.#name(name),
      image: spec.image,
      user: spec.user,
      files: spec.secrets,
      liveFiles: spec.liveSecrets,
      labels: (name) => this.#labels(name),
      parent,
    });
    const resource = new docker.Container(
      spec.component,
      {
        name: this.#name(spec.component),
        image: spec.image,
        user: `${spec.user.uid}:${spec.user.gid}`,
        envs: Object.entries(spec.environment).map(([variable, value]) => `${variable}=${value}`),
        ...CONFINEMENT,
        ...LOGGING,
        init: true,
        restart: 'unless-stopped',
        memory: spec.memoryMiB,
        // Left out, the provider would replace the container at every update.
        memorySwap: spec.memoryMiB,
        // As the engine reports it, or the container would be replaced at every update.
        cpus: spec.cpus.toFixed(1),
        ulimits: ulimits(spec.descriptors),
        sysctls: SYSCTLS,
        tmpfs: temporaryFolder(spec.temporaryMiB),
        volumes: [
          ...secrets.volumes,
          ...spec.mounts.map(({ volume, path, readOnly }) => ({
            volumeName: volume.name,
            containerPath: path,
            readOnly,
          })),
        ],
        networksAdvanced: spec.networks.map(({ name }) => ({ name, aliases: [spec.component] })),
        ports: spec.ports.map(({ inside, outside, address }) => ({
          internal: inside,
          external: outside,
          ip: address,
          protocol: 'tcp',
        })),
        hosts: spec.reachesHost ? [{ host: HOST_NAME, ip: 'host-gateway' }] : [],
        labels: [...this.#labels(spec.component), ...labelList(spec.labels), ...secrets.labels],
        healthcheck: {
          tests: ['CMD', ...spec.probe('readyz')],
          interval: '10s',
          timeout: '5s',
          retries: 3,
          startPeriod: '30s',
        },
        mustRun: true,
        wait: true,
        waitTimeout: spec.startSeconds,
        stopTimeout: spec.stopGraceSeconds,
        destroyGraceSeconds: spec.stopGraceSeconds,
      },
      {
        parent,
        dependsOn: [...spec.after.map(({ resource: before }) => before), ...secrets.after],
        // The name and the published port can belong to one container at a time.
        deleteBeforeReplace: true,
        // Some inputs, the health check among them, are otherwise recorded but not applied; and a container
        // that never became healthy would count as done.
        replaceOnChanges: ['*'],
      },
    );
    return { resource };
  }

  nameOfAll(component: string) {
    return component;
  }

  #name(name: string): string {
    return `lakehouse-${this.#stack}-${name}`;
  }

  #labels(component: string) {
    return [
      { label: 'lakehouse.stack', value: this.#stack },
      { label: 'lakehouse.component', value: component },
    ];
  }
}

const labelList = (labels: ServiceSpec['labels'] = {}) =>
  Object.entries(labels).map(([label, value]) => ({ label, value }));
