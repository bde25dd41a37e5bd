/** A plain container's inputs as a `Confinement` (@pulumi/docker: container.d.ts). */
import type { Confinement, Settings } from './confinement.ts';
import { componentOf, labelsOf, list, record, text, texts } from './inputs.ts';
import { type Mount, mount } from './mounts.ts';

const settings: Settings = {
  image: 'image',
  drops: 'capabilities.drops',
  adds: 'capabilities.adds',
  securityOptions: 'securityOpts',
  memory: 'memory',
  swap: 'memorySwap',
  cpus: 'cpus',
  ulimits: 'ulimits',
  log: 'logOpts',
  user: 'user',
  readOnly: 'readOnly',
  tests: 'healthcheck.tests',
  init: 'init',
  restart: 'restart to "unless-stopped"',
  sysctls: 'sysctls',
  networks: 'networksAdvanced',
  ports: 'ports',
  secretMode: 'permissions to "0400"',
  secretOwner: 'owner',
};

type Inputs = Readonly<Record<string, unknown>>;

export function fromContainer(inputs: Inputs): Confinement {
  const { drops, adds } = record(inputs.capabilities);
  const log = record(inputs.logOpts);
  return {
    settings,
    component: componentOf(inputs),
    brief: inputs.mustRun === false,
    image: text(inputs.image),
    user: text(inputs.user),
    readOnlyRoot: inputs.readOnly === true,
    drops: texts(drops),
    adds: texts(adds),
    securityOptions: texts(inputs.securityOpts),
    ofTheHost: ofTheHost(inputs),
    mounts: [...list(inputs.volumes).map(volume), ...list(inputs.mounts).map(mount)],
    memory: Number(inputs.memory ?? 0),
    memoryAndSwap: Number(inputs.memorySwap ?? 0),
    cpus: Number(inputs.cpus ?? 0),
    ulimits: list(inputs.ulimits).map((limit) => text(record(limit).name)),
    log: { size: text(log['max-size']), files: text(log['max-file']) },
    tests: texts(record(inputs.healthcheck).tests),
    init: inputs.init === true,
    restarts: inputs.restart === 'unless-stopped',
    sysctls: record(inputs.sysctls),
    // No network at all is one of its own.
    networks: inputs.networkMode === 'none' ? 1 : list(inputs.networksAdvanced).length,
    ports: list(inputs.ports)
      .map(record)
      .map(({ internal, external, ip }) => ({
        inside: Number(internal),
        outside: text(external),
        address: text(ip ?? '0.0.0.0'),
      })),
    secretFiles: list(inputs.uploads)
      .map(record)
      .map(({ file, permissions, owner }) => ({
        name: text(file),
        mode: permissions === undefined ? undefined : Number.parseInt(text(permissions), 8),
        owner: owner === undefined ? undefined : text(owner),
      })),
    environment: Object.fromEntries(
      texts(inputs.envs).map((entry) => entry.split(/=(.*)/s).slice(0, 2)),
    ),
    labels: labelsOf(inputs.labels),
    words: [...texts(inputs.entrypoints), ...texts(inputs.command)],
  };
}

const ofTheHost = (inputs: Inputs): string[] => [
  ...(inputs.privileged === true ? ['it is privileged; remove privileged'] : []),
  ...['networkMode', 'pidMode', 'ipcMode', 'usernsMode', 'cgroupnsMode']
    .filter((mode) => inputs[mode] === 'host')
    .map((mode) => `${mode} is "host"; a container has namespaces of its own`),
  ...(list(inputs.devices).length > 0 ? ['it has devices of the host; remove devices'] : []),
];

function volume(given: unknown): Mount {
  const { hostPath, volumeName, containerPath } = record(given);
  return {
    kind: hostPath === undefined ? 'volume' : 'bind',
    source: text(hostPath ?? volumeName),
    target: text(containerPath),
    driverOptions: {},
  };
}
