/** The platform for production: services of a Docker Swarm, of one node or several. */
import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { CONFINEMENT, LOGGING, memoryFolder, SYSCTLS } from './hardening.ts';
import {
  DATA_LABEL,
  HOST_NAME,
  type Instances,
  type MemoryVolumeSpec,
  type NetworkOptions,
  type Platform,
  type ServiceSpec,
  type Volume,
} from './platform.ts';

const MIB = 1024 * 1024;

export class Swarm implements Platform {
  readonly #stack: string;
  /** `label=value` of the nodes for services that do not say. */
  readonly #nodeLabel: string;
  readonly #registryAuth: docker.types.input.ServiceAuth | undefined;

  constructor(stack: string, nodeLabel: string, registryAuth?: docker.types.input.ServiceAuth) {
    this.#stack = stack;
    this.#nodeLabel = nodeLabel;
    this.#registryAuth = registryAuth;
  }

  network(name: string, { internal, open = false }: NetworkOptions, parent: pulumi.Resource) {
    const resource = new docker.Network(
      name,
      {
        name: this.#name(name),
        driver: 'overlay',
        internal,
        attachable: open,
        options: internal ? { encrypted: 'true' } : {},
        labels: this.#labels(name),
      },
      // The engine adds an option of its own, which would replace the network, and all on it, at every update.
      { parent, ignoreChanges: ['options'] },
    );
    return { name: resource.id };
  }

  existingNetwork(name: string) {
    return { name };
  }

  /** Each node makes its own when the first task there mounts it. */
  memoryVolume(name: string, spec: MemoryVolumeSpec): Volume {
    return { name: this.#name(name), madeWith: memoryFolder(spec) };
  }

  dataVolume(name: string, parent: pulumi.Resource): Volume {
    const labels = [...this.#labels(name), { label: DATA_LABEL, value: 'true' }];
    const resource = new docker.Volume(
      `${name}-volume`,
      { name: this.#name(name), driver: 'local', labels },
      { parent, protect: true, retainOnDelete: true },
    );
    return { name: resource.name };
  }

  service(spec: ServiceSpec, parent: pulumi.Resource) {
    const order = spec.ports.length > 0 ? 'stop-first' : 'start-first';
    // One at a time. The next does not wait longer: what took a place was healthy before the one there was told to stop.
    // A version that dies within 5 s of that is rolled back; what dies later, or hangs, is restarted as ever.
    const change = { parallelism: 1, order, delay: '0s', monitor: '5s', maxFailureRatio: '0.0' };
    const secrets = this.#secrets(spec, parent);
    const [label, value] = (spec.nodeLabel ?? this.#nodeLabel).split('=');
    const resource = new docker.Service(
      spec.component,
      {
        name: this.#name(spec.component),
        labels: this.#labels(spec.component, spec.labels),
        mode: mode(spec.instances),
        taskSpec: {
          containerSpec: {
            image: spec.image,
            labels: this.#labels(spec.component, spec.labels),
            user: `${spec.user.uid}:${spec.user.gid}`,
            // The provider reads none back as nothing.
            ...(Object.keys(spec.environment).length === 0 ? {} : { env: spec.environment }),
            readOnly: CONFINEMENT.readOnly,
            capDrops: CONFINEMENT.capabilities.drops,
            init: true,
            sysctl: SYSCTLS,
            secrets,
            mounts: [temporaryFolder(spec.temporaryMiB), ...spec.mounts.map(mounted)],
            hosts: spec.reachesHost ? [{ host: HOST_NAME, ip: 'host-gateway' }] : [],
            // Swarm kills what is unhealthy: neither a Dremio that is away nor a machine that is too busy to answer a
            // probe in time must become a restart loop. A proxy that hangs is passed over by the edge meanwhile.
            healthcheck: {
              tests: ['CMD', ...spec.probe('startupz')],
              interval: '10s',
              timeout: '20s',
              retries: 3,
              startPeriod: duration(spec.startSeconds),
            },
            stopGracePeriod: duration(spec.stopGraceSeconds),
          },
          resources: {
            limits: { memoryBytes: spec.memoryMiB * MIB, nanoCpus: Math.round(spec.cpus * 1e9) },
          },
          restartPolicy: { condition: 'any', delay: '5s', window: '0s' },
          placement: { constraints: [`node.labels.${label}==${value}`] },
          logDriver: { name: LOGGING.logDriver, options: LOGGING.logOpts },
          networksAdvanceds: spec.networks.map(({ name }) => ({
            id: name,
            aliases: [spec.component],
          })),
        },
        updateConfig: { ...change, failureAction: 'rollback' },
        rollbackConfig: { ...change, failureAction: 'pause' },
        endpointSpec: {
          // Names lead to tasks, not to a virtual address: it works on every kernel, and the edge can tell them apart.
          mode: 'dnsrr',
          ports: spec.ports.map(published),
        },
        ...(this.#registryAuth === undefined ? {} : { auth: this.#registryAuth }),
        // The provider refuses to wait for a service of one task on each node.
        ...(spec.instances === 'one on each node'
          ? {}
          : { convergeConfig: { delay: '1s', timeout: `${2 * spec.startSeconds}s` } }),
      },
      { parent, dependsOn: spec.after.map(({ resource: before }) => before) },
    );
    return { resource };
  }

  nameOfAll(component: string) {
    return `tasks.${this.#name(component)}`;
  }

  /** Without names of their own: a changed one is made, the service moves to it, the old one goes. */
  #secrets(spec: ServiceSpec, parent: pulumi.Resource) {
    const files = { ...spec.secrets, ...spec.liveSecrets };
    return Object.entries(files).map(([file, content]) => {
      const secret = new docker.Secret(
        `${this.#name(spec.component)}-${file}`,
        {
          data: pulumi.secret(content).apply((text) => Buffer.from(text).toString('base64')),
          labels: this.#labels(spec.component),
        },
        { parent },
      );
      return {
        secretId: secret.id,
        secretName: secret.name,
        fileName: file,
        fileUid: String(spec.user.uid),
        fileGid: String(spec.user.gid),
        fileMode: 0o400,
      };
    });
  }

  #name(name: string): string {
    return `lakehouse-${this.#stack}-${name}`;
  }

  #labels(component: string, more: ServiceSpec['labels'] = {}) {
    const labels = { 'lakehouse.stack': this.#stack, 'lakehouse.component': component, ...more };
    return Object.entries(labels).map(([label, value]) => ({ label, value }));
  }
}

const mode = (instances: Instances) =>
  instances === 'one on each node' ? { global: true } : { replicated: { replicas: instances } };

/** As the provider reads it back: in another form it would be a change at every preview. */
function duration(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const rest = seconds % 60;
  if (hours === 0 && minutes === 0) return `${rest}s`;
  const text = hours === 0 ? `${minutes}m${rest}s` : `${hours}h${minutes}m${rest}s`;
  return text.replace(/m0s$/, 'm').replace(/h0m$/, 'h');
}

/** Such a mount is never executable and has no devices (moby volume/mounts). Its mode reads back without sticky bit. */
const temporaryFolder = (sizeMiB: number) => ({
  type: 'tmpfs',
  target: '/tmp',
  tmpfsOptions: { sizeBytes: sizeMiB * MIB, mode: 0o777 },
});

function mounted({ volume, path, readOnly }: ServiceSpec['mounts'][number]) {
  const { name, madeWith } = volume;
  return {
    type: 'volume',
    source: name,
    target: path,
    readOnly,
    ...(madeWith === undefined
      ? {}
      : { volumeOptions: { driverName: 'local', driverOptions: { ...madeWith } } }),
  };
}

/** On the node itself, so that the service sees who calls. @throws Error for one address of the node alone */
function published({ inside, outside, address }: ServiceSpec['ports'][number]) {
  if (address !== '0.0.0.0')
    throw new Error(
      `port ${outside} is for ${address}; Swarm publishes on every address of a node`,
    );
  return { targetPort: inside, publishedPort: outside, publishMode: 'host', protocol: 'tcp' };
}
