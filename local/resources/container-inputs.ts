/** The inputs of docker:index/container:Container that the runner knows. */

import { parseGoDuration } from '../duration.ts';
import { labelsShape } from '../labels.ts';
import { choice, type Fields, flag, listOf, mapOf, record, text, whole } from '../shape.ts';

export interface ContainerInputs {
  image: string;
  command?: string[];
  entrypoints?: string[];
  envs?: string[];
  user?: string;
  workingDir?: string;
  hostname?: string;
  domainname?: string;
  labels?: { label: string; value: string }[];
  stopSignal?: string;
  /** Seconds. */
  stopTimeout?: number;
  /** Seconds; without it a deleted container is killed at once. */
  destroyGraceSeconds?: number;
  healthcheck?: Healthcheck;
  wait?: boolean;
  /** Seconds, 60 by default. */
  waitTimeout?: number;
  /** True by default: the container has to be running. */
  mustRun?: boolean;
  /** Waits until the container has ended. */
  attach?: boolean;
  restart?: string;
  maxRetryCount?: number;
  init?: boolean;
  readOnly?: boolean;
  capabilities?: { adds?: string[]; drops?: string[] };
  securityOpts?: string[];
  groupAdds?: string[];
  /** MB, as are memoryReservation, memorySwap (-1: unlimited) and shmSize. */
  memory?: number;
  memoryReservation?: number;
  memorySwap?: number;
  shmSize?: number;
  cpus?: string;
  cpuShares?: number;
  cpuSet?: string;
  ulimits?: { name: string; soft: number; hard: number }[];
  sysctls?: Record<string, string>;
  tmpfs?: Record<string, string>;
  volumes?: VolumeMount[];
  mounts?: Mount[];
  uploads?: Upload[];
  networkMode?: string;
  networksAdvanced?: NetworkAttachment[];
  ports?: { internal: number; external?: number; ip?: string; protocol?: string }[];
  hosts?: { host: string; ip: string }[];
  dns?: string[];
  dnsOpts?: string[];
  dnsSearches?: string[];
  logDriver?: string;
  logOpts?: Record<string, string>;
  removeVolumes?: boolean;
  platform?: string;
}

export interface Healthcheck {
  tests?: string[];
  interval?: string;
  timeout?: string;
  startPeriod?: string;
  startInterval?: string;
  retries?: number;
}

export interface VolumeMount {
  volumeName?: string;
  hostPath?: string;
  containerPath?: string;
  readOnly?: boolean;
  selinuxRelabel?: string;
}

export interface Mount {
  type: 'bind' | 'volume' | 'tmpfs';
  target: string;
  source?: string;
  readOnly?: boolean;
  bindOptions?: { propagation?: string };
  tmpfsOptions?: { sizeBytes?: number; mode?: number };
}

export interface Upload {
  file: string;
  content?: string;
  contentBase64?: string;
  /** Octal, "0644" by default. */
  permissions?: string;
  executable?: boolean;
  /** Numbers as text; root by default. */
  owner?: string;
  group?: string;
}

export interface NetworkAttachment {
  /** Name or id. */
  name: string;
  aliases?: string[];
  ipv4Address?: string;
  ipv6Address?: string;
}

export const containerFields: Fields = {
  name: text,
  image: text,
  command: listOf(text),
  entrypoints: listOf(text),
  envs: listOf(text),
  user: text,
  workingDir: text,
  hostname: text,
  domainname: text,
  labels: labelsShape,
  stopSignal: text,
  stopTimeout: whole,
  destroyGraceSeconds: whole,
  healthcheck: record(
    {
      tests: listOf(text),
      interval: text,
      timeout: text,
      startPeriod: text,
      startInterval: text,
      retries: whole,
    },
    ['tests'],
  ),
  wait: flag,
  waitTimeout: whole,
  mustRun: flag,
  attach: flag,
  start: choice(true),
  rm: choice(false),
  logs: choice(false),
  privileged: choice(false),
  publishAllPorts: choice(false),
  tty: choice(false),
  stdinOpen: choice(false),
  restart: choice('no', 'on-failure', 'always', 'unless-stopped'),
  maxRetryCount: whole,
  init: flag,
  readOnly: flag,
  capabilities: record({ adds: listOf(text), drops: listOf(text) }),
  securityOpts: listOf(text),
  groupAdds: listOf(text),
  memory: whole,
  memoryReservation: whole,
  memorySwap: whole,
  shmSize: whole,
  cpus: text,
  cpuShares: whole,
  cpuSet: text,
  ulimits: listOf(record({ name: text, soft: whole, hard: whole }, ['name', 'soft', 'hard'])),
  sysctls: mapOf(text),
  tmpfs: mapOf(text),
  volumes: listOf(
    record(
      {
        volumeName: text,
        hostPath: text,
        containerPath: text,
        readOnly: flag,
        selinuxRelabel: choice('z', 'Z'),
      },
      ['containerPath'],
    ),
  ),
  mounts: listOf(
    record(
      {
        type: choice('bind', 'volume', 'tmpfs'),
        target: text,
        source: text,
        readOnly: flag,
        bindOptions: record({ propagation: text }),
        tmpfsOptions: record({ sizeBytes: whole, mode: whole }),
      },
      ['type', 'target'],
    ),
  ),
  uploads: listOf(
    record(
      {
        file: text,
        content: text,
        contentBase64: text,
        permissions: text,
        executable: flag,
        owner: text,
        group: text,
      },
      ['file'],
    ),
  ),
  networkMode: text,
  networksAdvanced: listOf(
    record({ name: text, aliases: listOf(text), ipv4Address: text, ipv6Address: text }, ['name']),
  ),
  ports: listOf(
    record({ internal: whole, external: whole, ip: text, protocol: choice('tcp', 'udp', 'sctp') }, [
      'internal',
    ]),
  ),
  hosts: listOf(record({ host: text, ip: text }, ['host', 'ip'])),
  dns: listOf(text),
  dnsOpts: listOf(text),
  dnsSearches: listOf(text),
  logDriver: text,
  logOpts: mapOf(text),
  removeVolumes: flag,
  platform: text,
};

/** What no single input shows to be wrong. */
export function containerProblems(inputs: ContainerInputs): string[] {
  const { networkMode, networksAdvanced = [], uploads = [], healthcheck } = inputs;
  const durations = ['interval', 'timeout', 'startPeriod', 'startInterval'] as const;
  return [
    ...durations
      .filter((key) => parseGoDuration(healthcheck?.[key] ?? '0') === undefined)
      .map((key) => `healthcheck.${key} must be a duration such as "10s" or "1m30s"`),
    ...(inputs.cpus !== undefined && !(Number(inputs.cpus) > 0)
      ? ['cpus must be a number above 0 as text, such as "0.5"']
      : []),
    ...(networksAdvanced.length > 0 && networkMode !== undefined && networkMode !== 'bridge'
      ? [`networkMode "${networkMode}" cannot be combined with networksAdvanced`]
      : []),
    ...(/^container:|^host$/.test(networkMode ?? '')
      ? [`networkMode "${networkMode}" is not supported by the local runner`]
      : []),
    ...(inputs.readOnly && uploads.length > 0
      ? ['uploads into a container with readOnly are refused by the engine; fill a volume instead']
      : []),
    ...(inputs.attach && (inputs.mustRun ?? true)
      ? ['attach waits until the container ends, so it needs mustRun: false']
      : []),
    ...(inputs.securityOpts ?? [])
      .filter((option) => option.startsWith('systempaths'))
      .map((option) => `securityOpts "${option}" is not supported by the local runner`),
    ...uploads.flatMap(uploadProblems),
    ...(inputs.volumes ?? []).flatMap(volumeProblems),
  ];
}

function uploadProblems(upload: Upload, index: number): string[] {
  const at = `uploads[${index}]`;
  const contents = [upload.content, upload.contentBase64].filter((given) => given !== undefined);
  return [
    ...(contents.length === 1 ? [] : [`${at} needs exactly one of content and contentBase64`]),
    ...(upload.file.startsWith('/') ? [] : [`${at}.file must be an absolute path`]),
    ...(/^[0-7]{3,4}$/.test(upload.permissions ?? '0644')
      ? []
      : [`${at}.permissions must be octal digits such as "0400"`]),
    ...(['owner', 'group'] as const)
      .filter((key) => !/^\d+$/.test(upload[key] ?? '0'))
      .map((key) => `${at}.${key} must be a number as text: names differ between machines`),
  ];
}

function volumeProblems({ volumeName, hostPath }: VolumeMount, index: number): string[] {
  return volumeName !== undefined && hostPath !== undefined
    ? [`volumes[${index}] has both volumeName and hostPath; one is allowed`]
    : [];
}
