/**
 * Translates a service's inputs into the body of POST /services/create. Same rules as the provider
 * (terraform-provider-docker resource_docker_service_structures.go v4.5.0).
 */

import type Dockerode from 'dockerode';
import type { MountSettings } from 'dockerode';
import { defined } from '../defined.ts';
import { nanoseconds } from '../duration.ts';
import { labelMap } from '../labels.ts';
import { healthConfig } from './container-body.ts';
import type {
  ContainerSpec,
  Mount,
  SecretFile,
  ServiceInputs,
  TaskSpec,
  UpdateConfig,
} from './service-inputs.ts';

type Labels = readonly { label: string; value: string }[];

/** The provider's default of `fileMode`. */
const readableByAll = 0o444;

export function serviceBody(
  name: string,
  inputs: ServiceInputs,
  label: string,
): Dockerode.ServiceSpec {
  const { mode, updateConfig, rollbackConfig, endpointSpec } = inputs;
  return defined({
    Name: name,
    Labels: labelMap(inputs.labels, label),
    Mode: mode?.global ? { Global: {} } : { Replicated: { Replicas: wantedReplicas(inputs) } },
    TaskTemplate: taskTemplate(inputs.taskSpec),
    UpdateConfig: updateConfig && rollingUpdate(updateConfig),
    RollbackConfig: rollbackConfig && rollingUpdate(rollbackConfig),
    EndpointSpec: endpointSpec && {
      ...(endpointSpec.mode === undefined ? {} : { Mode: endpointSpec.mode }),
      Ports: (endpointSpec.ports ?? []).map((port) =>
        defined({
          Name: port.name,
          Protocol: (port.protocol ?? 'tcp') as 'tcp' | 'udp' | 'sctp',
          TargetPort: port.targetPort,
          PublishedPort: port.publishedPort,
          PublishMode: (port.publishMode ?? 'ingress') as 'ingress' | 'host',
        }),
      ),
    },
  });
}

/** How many tasks a service that is not global shall have. */
export function wantedReplicas({ mode }: Pick<ServiceInputs, 'mode'>): number {
  return mode?.replicated?.replicas ?? 1;
}

/** Credentials for pulling the image, in the form of the client. */
export function registryAuth({
  auth,
}: Pick<ServiceInputs, 'auth'>): Dockerode.AuthConfigObject | undefined {
  return (
    auth &&
    defined({
      serveraddress: auth.serverAddress,
      username: auth.username,
      password: auth.password,
    })
  );
}

function taskTemplate(spec: TaskSpec): Dockerode.ContainerTaskSpec {
  const { resources, restartPolicy, placement, logDriver, networksAdvanceds } = spec;
  return defined({
    ContainerSpec: containerSpec(spec.containerSpec),
    Resources: resources && {
      ...(resources.limits && { Limits: amounts(resources.limits) }),
      ...(resources.reservation && { Reservations: amounts(resources.reservation) }),
    },
    RestartPolicy:
      restartPolicy &&
      defined({
        Condition: restartPolicy.condition,
        Delay: nanoseconds(restartPolicy.delay),
        MaxAttempts: restartPolicy.maxAttempts,
        Window: nanoseconds(restartPolicy.window),
      }),
    Placement:
      placement &&
      defined({
        Constraints: placement.constraints,
        Preferences: placement.prefs?.map((prefer) => ({ Spread: { SpreadDescriptor: prefer } })),
        MaxReplicas: placement.maxReplicas,
        Platforms: placement.platforms?.map(({ architecture, os }) => ({
          Architecture: architecture,
          OS: os,
        })),
      }),
    LogDriver: logDriver && defined({ Name: logDriver.name, Options: logDriver.options }),
    Networks: networksAdvanceds?.map(({ id, name, aliases }) =>
      defined({ Target: id || name, Aliases: aliases }),
    ),
    ForceUpdate: spec.forceUpdate,
  });
}

function amounts({ memoryBytes, nanoCpus }: { memoryBytes?: number; nanoCpus?: number }) {
  return defined({ MemoryBytes: memoryBytes, NanoCPUs: nanoCpus });
}

function containerSpec(spec: ContainerSpec): Dockerode.ContainerSpec {
  return defined({
    Image: spec.image,
    Labels: spec.labels && plainLabels(spec.labels),
    Command: spec.commands,
    Args: spec.args,
    Env: spec.env && Object.entries(spec.env).map(([variable, value]) => `${variable}=${value}`),
    Dir: spec.dir,
    User: spec.user,
    Groups: spec.groups,
    Hostname: spec.hostname,
    ReadOnly: spec.readOnly,
    CapabilityAdd: spec.capAdds,
    CapabilityDrop: spec.capDrops,
    Init: spec.init,
    Mounts: spec.mounts?.map(mount),
    Secrets: spec.secrets?.map(secretFile),
    HealthCheck: spec.healthcheck && healthConfig(spec.healthcheck),
    // Swarm has the order of /etc/hosts, unlike plain containers.
    Hosts: spec.hosts?.map(({ host, ip }) => `${ip} ${host}`),
    DNSConfig:
      spec.dnsConfig &&
      defined({
        Nameservers: spec.dnsConfig.nameservers,
        Search: spec.dnsConfig.searches,
        Options: spec.dnsConfig.options,
      }),
    StopSignal: spec.stopSignal,
    StopGracePeriod: nanoseconds(spec.stopGracePeriod),
    Sysctls: spec.sysctl,
  });
}

function secretFile(file: SecretFile): Dockerode.SecretReference {
  return {
    SecretID: file.secretId,
    SecretName: file.secretName,
    File: {
      Name: file.fileName,
      UID: file.fileUid ?? '0',
      GID: file.fileGid ?? '0',
      Mode: file.fileMode ?? readableByAll,
    },
  };
}

function mount({ type, target, source, readOnly, volumeOptions, tmpfsOptions }: Mount) {
  return defined({
    Type: type,
    Target: target,
    Source: source,
    ReadOnly: readOnly ?? false,
    VolumeOptions:
      volumeOptions &&
      defined({
        NoCopy: volumeOptions.noCopy ?? false,
        Labels: volumeOptions.labels && plainLabels(volumeOptions.labels),
        DriverConfig:
          volumeOptions.driverName === undefined && volumeOptions.driverOptions === undefined
            ? undefined
            : defined({ Name: volumeOptions.driverName, Options: volumeOptions.driverOptions }),
      }),
    TmpfsOptions:
      tmpfsOptions && defined({ SizeBytes: tmpfsOptions.sizeBytes, Mode: tmpfsOptions.mode }),
  }) as MountSettings;
}

function rollingUpdate(config: UpdateConfig): Dockerode.UpdateConfig {
  return defined({
    Parallelism: config.parallelism ?? 1,
    Delay: nanoseconds(config.delay),
    FailureAction: config.failureAction ?? 'pause',
    Monitor: nanoseconds(config.monitor),
    MaxFailureRatio:
      config.maxFailureRatio === undefined ? undefined : Number(config.maxFailureRatio),
    Order: config.order ?? 'stop-first',
  });
}

function plainLabels(labels: Labels): Record<string, string> {
  return Object.fromEntries(labels.map(({ label, value }) => [label, value]));
}
