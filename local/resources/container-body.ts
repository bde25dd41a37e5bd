/**
 * Translates a container's inputs into the body of POST /containers/create. Same rules as the
 * provider (terraform-provider-docker resource_docker_container_funcs.go v4.5.0), with one
 * difference: a container starts on its first network and never touches the default bridge.
 */

import type {
  ContainerCreateOptions,
  EndpointSettings,
  HostConfig,
  MountSettings,
} from 'dockerode';
import { defined } from '../defined.ts';
import { nanoseconds } from '../duration.ts';
import { labelMap } from '../labels.ts';
import type {
  ContainerInputs,
  Healthcheck,
  Mount,
  NetworkAttachment,
  VolumeMount,
} from './container-inputs.ts';

const bytesPerMegabyte = 1024 * 1024;

export function containerBody(
  name: string,
  inputs: ContainerInputs,
  label: string,
): ContainerCreateOptions {
  const first = inputs.networksAdvanced?.[0];
  return defined({
    name,
    platform: inputs.platform,
    Image: inputs.image,
    Cmd: inputs.command,
    Entrypoint: inputs.entrypoints,
    Env: inputs.envs,
    User: inputs.user,
    WorkingDir: inputs.workingDir,
    Hostname: inputs.hostname,
    Domainname: inputs.domainname,
    StopSignal: inputs.stopSignal,
    StopTimeout: inputs.stopTimeout,
    Labels: labelMap(inputs.labels, label),
    Healthcheck: inputs.healthcheck && healthConfig(inputs.healthcheck),
    ExposedPorts: Object.fromEntries((inputs.ports ?? []).map((port) => [portKey(port), {}])),
    Volumes: Object.fromEntries(
      (inputs.volumes ?? [])
        .filter(isAnonymous)
        .map(({ containerPath = '' }) => [containerPath, {}]),
    ),
    HostConfig: hostConfig(inputs),
    NetworkingConfig: first && { EndpointsConfig: { [first.name]: endpoint(first) } },
  });
}

/** Settings of one network's endpoint, for the first network and those connected later. */
export function endpoint(attachment: NetworkAttachment): EndpointSettings {
  const { aliases, ipv4Address, ipv6Address } = attachment;
  const addresses = defined({ IPv4Address: ipv4Address, IPv6Address: ipv6Address });
  return defined({
    Aliases: aliases,
    IPAMConfig: Object.keys(addresses).length > 0 ? addresses : undefined,
  }) as EndpointSettings;
}

function hostConfig(inputs: ContainerInputs): HostConfig {
  return defined({
    NetworkMode: inputs.networksAdvanced?.[0]?.name ?? inputs.networkMode,
    RestartPolicy: { Name: inputs.restart ?? 'no', MaximumRetryCount: inputs.maxRetryCount ?? 0 },
    Init: inputs.init ?? false,
    ReadonlyRootfs: inputs.readOnly ?? false,
    CapAdd: inputs.capabilities?.adds,
    CapDrop: inputs.capabilities?.drops,
    SecurityOpt: inputs.securityOpts,
    GroupAdd: inputs.groupAdds,
    ...resourceLimits(inputs),
    ShmSize: inputs.shmSize && inputs.shmSize * bytesPerMegabyte,
    NanoCpus: inputs.cpus === undefined ? undefined : Math.round(Number(inputs.cpus) * 1e9),
    Ulimits: inputs.ulimits?.map(({ name, soft, hard }) => ({
      Name: name,
      Soft: soft,
      Hard: hard,
    })),
    Sysctls: inputs.sysctls,
    Tmpfs: inputs.tmpfs,
    Binds: inputs.volumes?.filter((volume) => !isAnonymous(volume)).map(bind),
    Mounts: inputs.mounts?.map(mount),
    PortBindings: portBindings(inputs),
    ExtraHosts: inputs.hosts?.map(({ host, ip }) => `${host}:${ip}`),
    Dns: inputs.dns,
    DnsOptions: inputs.dnsOpts,
    DnsSearch: inputs.dnsSearches,
    LogConfig:
      inputs.logDriver === undefined && inputs.logOpts === undefined
        ? undefined
        : { Type: inputs.logDriver ?? '', Config: inputs.logOpts ?? {} },
  });
}

/** What the engine can change in a running container. */
export function resourceLimits(inputs: ContainerInputs) {
  const megabytes = (value: number | undefined) =>
    value === undefined || value < 0 ? value : value * bytesPerMegabyte;
  return defined({
    Memory: megabytes(inputs.memory),
    MemoryReservation: megabytes(inputs.memoryReservation),
    MemorySwap: megabytes(inputs.memorySwap),
    CpuShares: inputs.cpuShares,
    CpusetCpus: inputs.cpuSet,
  });
}

/** A health check as the engine takes it, its times in nanoseconds. */
export function healthConfig(check: Healthcheck) {
  return defined({
    Test: check.tests,
    Interval: nanoseconds(check.interval),
    Timeout: nanoseconds(check.timeout),
    StartPeriod: nanoseconds(check.startPeriod),
    StartInterval: nanoseconds(check.startInterval),
    Retries: check.retries,
  });
}

function isAnonymous({ volumeName, hostPath }: VolumeMount): boolean {
  return volumeName === undefined && hostPath === undefined;
}

function bind({ volumeName, hostPath, containerPath, readOnly, selinuxRelabel }: VolumeMount) {
  const mode = [readOnly ? 'ro' : 'rw', ...(selinuxRelabel ? [selinuxRelabel] : [])].join(',');
  return `${volumeName ?? hostPath}:${containerPath}:${mode}`;
}

function mount({ type, target, source, readOnly, bindOptions, tmpfsOptions }: Mount) {
  return defined({
    Type: type,
    Target: target,
    Source: source,
    ReadOnly: readOnly ?? false,
    BindOptions: bindOptions && { Propagation: bindOptions.propagation },
    TmpfsOptions: tmpfsOptions && {
      SizeBytes: tmpfsOptions.sizeBytes ?? 0,
      Mode: tmpfsOptions.mode ?? 0,
    },
  }) as MountSettings;
}

function portKey({ internal, protocol = 'tcp' }: { internal: number; protocol?: string }): string {
  return `${internal}/${protocol}`;
}

function portBindings({ ports = [] }: ContainerInputs) {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) {
    const { external, ip = '0.0.0.0' } = port;
    const binding = { HostIp: ip, HostPort: external === undefined ? '' : String(external) };
    bindings[portKey(port)] = [...(bindings[portKey(port)] ?? []), binding];
  }
  return bindings;
}
