/** The inputs of docker:index/service:Service that the runner knows. */

import { labelsShape } from '../labels.ts';
import { choice, type Fields, flag, listOf, mapOf, record, text, whole } from '../shape.ts';

type Labels = { label: string; value: string }[];

export interface ServiceInputs {
  name?: string;
  labels?: Labels;
  /** For pulling the image. */
  auth?: { serverAddress: string; username?: string; password?: string };
  mode?: { global?: boolean; replicated?: { replicas?: number } };
  taskSpec: TaskSpec;
  updateConfig?: UpdateConfig;
  rollbackConfig?: UpdateConfig;
  endpointSpec?: { mode?: string; ports?: Port[] };
  /** With it, what is made or changed is waited for. Go durations. */
  convergeConfig?: { delay?: string; timeout?: string };
}

export interface TaskSpec {
  containerSpec: ContainerSpec;
  resources?: { limits?: Resources; reservation?: Resources };
  restartPolicy?: { condition?: string; delay?: string; maxAttempts?: number; window?: string };
  placement?: {
    constraints?: string[];
    prefs?: string[];
    maxReplicas?: number;
    platforms?: { architecture: string; os: string }[];
  };
  logDriver?: { name: string; options?: Record<string, string> };
  networksAdvanceds?: { id?: string; name?: string; aliases?: string[] }[];
  forceUpdate?: number;
}

interface Resources {
  memoryBytes?: number;
  /** Billionths of a processor. */
  nanoCpus?: number;
}

export interface ContainerSpec {
  image: string;
  labels?: Labels;
  /** The entry point; `args` are its arguments. */
  commands?: string[];
  args?: string[];
  env?: Record<string, string>;
  dir?: string;
  user?: string;
  groups?: string[];
  hostname?: string;
  readOnly?: boolean;
  capAdds?: string[];
  capDrops?: string[];
  init?: boolean;
  mounts?: Mount[];
  secrets?: SecretFile[];
  healthcheck?: {
    tests?: string[];
    interval?: string;
    timeout?: string;
    startPeriod?: string;
    retries?: number;
  };
  hosts?: { host: string; ip: string }[];
  dnsConfig?: { nameservers: string[]; searches?: string[]; options?: string[] };
  stopSignal?: string;
  stopGracePeriod?: string;
  sysctl?: Record<string, string>;
}

export interface Mount {
  type: 'volume' | 'tmpfs';
  target: string;
  source?: string;
  readOnly?: boolean;
  volumeOptions?: {
    noCopy?: boolean;
    labels?: Labels;
    driverName?: string;
    driverOptions?: Record<string, string>;
  };
  tmpfsOptions?: { sizeBytes?: number; mode?: number };
}

export interface SecretFile {
  secretId: string;
  secretName: string;
  fileName: string;
  /** Numbers as text; root by default. */
  fileUid?: string;
  fileGid?: string;
  /** 0o444 by default. */
  fileMode?: number;
}

export interface UpdateConfig {
  parallelism?: number;
  delay?: string;
  failureAction?: string;
  monitor?: string;
  /** A number from 0 to 1 as text. */
  maxFailureRatio?: string;
  order?: string;
}

interface Port {
  name?: string;
  protocol?: string;
  targetPort: number;
  publishedPort?: number;
  publishMode?: string;
}

const resources = record({ memoryBytes: whole, nanoCpus: whole });

const updateConfig = (...failureActions: string[]) =>
  record({
    parallelism: whole,
    delay: text,
    failureAction: choice(...failureActions),
    monitor: text,
    maxFailureRatio: text,
    order: choice('stop-first', 'start-first'),
  });

const mount = record(
  {
    // A folder of the host would tie a service to one node.
    type: choice('volume', 'tmpfs'),
    target: text,
    source: text,
    readOnly: flag,
    volumeOptions: record({
      noCopy: flag,
      labels: labelsShape,
      driverName: text,
      driverOptions: mapOf(text),
    }),
    tmpfsOptions: record({ sizeBytes: whole, mode: whole }),
  },
  ['type', 'target'],
);

const containerSpec = record(
  {
    image: text,
    labels: labelsShape,
    commands: listOf(text),
    args: listOf(text),
    env: mapOf(text),
    dir: text,
    user: text,
    groups: listOf(text),
    hostname: text,
    readOnly: flag,
    capAdds: listOf(text),
    capDrops: listOf(text),
    init: flag,
    mounts: listOf(mount),
    secrets: listOf(
      record(
        {
          secretId: text,
          secretName: text,
          fileName: text,
          fileUid: text,
          fileGid: text,
          fileMode: whole,
        },
        // Swarm refuses a reference without the name, which the provider lets one leave out.
        ['secretId', 'secretName', 'fileName'],
      ),
    ),
    healthcheck: record(
      { tests: listOf(text), interval: text, timeout: text, startPeriod: text, retries: whole },
      ['tests'],
    ),
    hosts: listOf(record({ host: text, ip: text }, ['host', 'ip'])),
    dnsConfig: record(
      { nameservers: listOf(text), searches: listOf(text), options: listOf(text) },
      ['nameservers'],
    ),
    stopSignal: text,
    stopGracePeriod: text,
    sysctl: mapOf(text),
  },
  ['image'],
);

export const serviceFields: Fields = {
  name: text,
  labels: labelsShape,
  auth: record({ serverAddress: text, username: text, password: text }, ['serverAddress']),
  mode: record({ global: flag, replicated: record({ replicas: whole }) }),
  taskSpec: record(
    {
      containerSpec,
      resources: record({ limits: resources, reservation: resources }),
      restartPolicy: record({
        condition: choice('none', 'on-failure', 'any'),
        delay: text,
        maxAttempts: whole,
        window: text,
      }),
      placement: record({
        constraints: listOf(text),
        prefs: listOf(text),
        maxReplicas: whole,
        platforms: listOf(record({ architecture: text, os: text }, ['architecture', 'os'])),
      }),
      logDriver: record({ name: text, options: mapOf(text) }, ['name']),
      networksAdvanceds: listOf(record({ id: text, name: text, aliases: listOf(text) })),
      forceUpdate: whole,
      runtime: choice('container'),
    },
    ['containerSpec'],
  ),
  updateConfig: updateConfig('pause', 'continue', 'rollback'),
  rollbackConfig: updateConfig('pause', 'continue'),
  endpointSpec: record({
    mode: choice('vip', 'dnsrr'),
    ports: listOf(
      record(
        {
          name: text,
          protocol: choice('tcp', 'udp', 'sctp'),
          targetPort: whole,
          publishedPort: whole,
          publishMode: choice('ingress', 'host'),
        },
        ['targetPort'],
      ),
    ),
  }),
  convergeConfig: record({ delay: text, timeout: text }),
};
