import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerCreateOptions } from 'dockerode';
import { containerBody, endpoint } from '../../local/resources/container-body.ts';
import {
  type ContainerInputs,
  containerFields,
  containerProblems,
} from '../../local/resources/container-inputs.ts';
import { networkBody } from '../../local/resources/network.ts';
import { volumeBody } from '../../local/resources/volume.ts';
import { problems, record } from '../../local/shape.ts';

const image = 'sha256:abc';

function body(inputs: Partial<ContainerInputs>): ContainerCreateOptions {
  return containerBody('name', { image, ...inputs }, 'print');
}

test('a container with only an image gets the defaults of the provider', () => {
  assert.deepEqual(body({}), {
    name: 'name',
    Image: image,
    Labels: { 'lakehouse.inputs': 'print' },
    ExposedPorts: {},
    Volumes: {},
    HostConfig: {
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      Init: false,
      ReadonlyRootfs: false,
      PortBindings: {},
    },
  });
});

const megabyte = 1024 * 1024;
const inHostConfig: [string, Partial<ContainerInputs>, Record<string, unknown>][] = [
  ['memory counts in MB', { memory: 64 }, { Memory: 64 * megabyte }],
  ['swap counts in MB', { memorySwap: 64 }, { MemorySwap: 64 * megabyte }],
  ['swap without limit stays -1', { memorySwap: -1 }, { MemorySwap: -1 }],
  ['reservation counts in MB', { memoryReservation: 8 }, { MemoryReservation: 8 * megabyte }],
  ['shared memory counts in MB', { shmSize: 8 }, { ShmSize: 8 * megabyte }],
  ['cpus are text', { cpus: '0.5' }, { NanoCpus: 500_000_000 }],
  ['cpuShares and cpuSet', { cpuShares: 2, cpuSet: '0-1' }, { CpuShares: 2, CpusetCpus: '0-1' }],
  ['a read-only root', { readOnly: true }, { ReadonlyRootfs: true }],
  [
    'capabilities',
    { capabilities: { drops: ['ALL'], adds: ['CAP_CHOWN'] } },
    { CapDrop: ['ALL'], CapAdd: ['CAP_CHOWN'] },
  ],
  ['securityOpts', { securityOpts: ['no-new-privileges'] }, { SecurityOpt: ['no-new-privileges'] }],
  ['init', { init: true }, { Init: true }],
  [
    'restart',
    { restart: 'on-failure', maxRetryCount: 3 },
    { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } },
  ],
  ['tmpfs', { tmpfs: { '/tmp': 'size=1m' } }, { Tmpfs: { '/tmp': 'size=1m' } }],
  [
    'a volume to read',
    { volumes: [{ volumeName: 'v', containerPath: '/v', readOnly: true }] },
    { Binds: ['v:/v:ro'] },
  ],
  [
    'a folder of the host, relabelled for SELinux',
    { volumes: [{ hostPath: '/h', containerPath: '/v', selinuxRelabel: 'Z' }] },
    { Binds: ['/h:/v:rw,Z'] },
  ],
  [
    'a tmpfs mount',
    { mounts: [{ type: 'tmpfs', target: '/t', tmpfsOptions: { sizeBytes: 1, mode: 0o700 } }] },
    {
      Mounts: [
        { Type: 'tmpfs', Target: '/t', ReadOnly: false, TmpfsOptions: { SizeBytes: 1, Mode: 448 } },
      ],
    },
  ],
  [
    'a bind mount',
    {
      mounts: [
        {
          type: 'bind',
          source: '/s',
          target: '/t',
          readOnly: true,
          bindOptions: { propagation: 'private' },
        },
      ],
    },
    {
      Mounts: [
        {
          Type: 'bind',
          Source: '/s',
          Target: '/t',
          ReadOnly: true,
          BindOptions: { Propagation: 'private' },
        },
      ],
    },
  ],
  [
    'hosts',
    { hosts: [{ host: 'host.docker.internal', ip: 'host-gateway' }] },
    { ExtraHosts: ['host.docker.internal:host-gateway'] },
  ],
  [
    'limits of the user',
    { ulimits: [{ name: 'nofile', soft: 1, hard: 2 }] },
    { Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }] },
  ],
  ['sysctls', { sysctls: { 'net.a': '1' } }, { Sysctls: { 'net.a': '1' } }],
  [
    'log rotation',
    { logDriver: 'json-file', logOpts: { 'max-size': '1m' } },
    { LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } } },
  ],
  ['no network', { networkMode: 'none' }, { NetworkMode: 'none' }],
];

for (const [what, inputs, expected] of inHostConfig) {
  test(`${what} reaches the engine`, () => {
    const { HostConfig } = body(inputs);
    for (const [key, value] of Object.entries(expected)) {
      assert.deepEqual(HostConfig?.[key as keyof typeof HostConfig], value, key);
    }
  });
}

test('a health check keeps its words and its times in nanoseconds', () => {
  const healthcheck = {
    tests: ['CMD', 'true'],
    interval: '10s',
    timeout: '500ms',
    startPeriod: '1m30s',
    retries: 3,
  };
  assert.deepEqual(body({ healthcheck }).Healthcheck, {
    Test: ['CMD', 'true'],
    Interval: 10e9,
    Timeout: 500e6,
    StartPeriod: 90e9,
    Retries: 3,
  });
});

test('ports are bound to their address, or to all of them as in the provider', () => {
  const { ExposedPorts, HostConfig } = body({
    ports: [
      { internal: 80, external: 8080, ip: '127.0.0.1', protocol: 'tcp' },
      { internal: 80, external: 8081, ip: '127.0.0.1' },
      { internal: 53, protocol: 'udp' },
    ],
  });
  assert.deepEqual(ExposedPorts, { '80/tcp': {}, '53/udp': {} });
  assert.deepEqual(HostConfig?.PortBindings, {
    '80/tcp': [
      { HostIp: '127.0.0.1', HostPort: '8080' },
      { HostIp: '127.0.0.1', HostPort: '8081' },
    ],
    '53/udp': [{ HostIp: '0.0.0.0', HostPort: '' }],
  });
});

test('a container starts on its first network with its aliases and never on the bridge', () => {
  const { HostConfig, NetworkingConfig } = body({
    networksAdvanced: [{ name: 'one', aliases: ['a'] }, { name: 'two' }],
  });
  assert.equal(HostConfig?.NetworkMode, 'one');
  assert.deepEqual(NetworkingConfig, { EndpointsConfig: { one: { Aliases: ['a'] } } });
  assert.deepEqual(endpoint({ name: 'two', ipv4Address: '10.0.0.2' }), {
    IPAMConfig: { IPv4Address: '10.0.0.2' },
  });
});

test('a volume without a name is an anonymous one', () => {
  const { Volumes, HostConfig } = body({ volumes: [{ containerPath: '/scratch' }] });
  assert.deepEqual(Volumes, { '/scratch': {} });
  assert.deepEqual(HostConfig?.Binds, []);
});

test('networks and volumes carry their labels and the fingerprint', () => {
  const labels = [{ label: 'a', value: 'b' }];
  const common = { name: 'n', label: 'print' };
  const expected = { a: 'b', 'lakehouse.inputs': 'print' };
  const network = networkBody({
    ...common,
    inputs: { labels, internal: true, ipamConfigs: [{ subnet: '10.9.0.0/24' }] },
  });
  assert.deepEqual(network.Labels, expected);
  assert.equal(network.Internal, true);
  assert.equal(network.Driver, 'bridge');
  assert.deepEqual(network.IPAM?.Config, [{ Subnet: '10.9.0.0/24' }]);
  const volume = volumeBody({ ...common, inputs: { labels, driverOpts: { type: 'tmpfs' } } });
  assert.deepEqual(volume, {
    Name: 'n',
    Driver: 'local',
    DriverOpts: { type: 'tmpfs' },
    Labels: expected,
  });
});

const refused: [string, Record<string, unknown>, RegExp][] = [
  ['an input nobody knows', { gpus: 'all' }, /^gpus is not supported by the local runner$/],
  ['privileges', { privileged: true }, /^privileged must be false here$/],
  ['another PID namespace', { pidMode: 'host' }, /^pidMode is not supported/],
  ['a container that is not started', { start: false }, /^start must be true here$/],
  ['a field nobody knows', { ports: [{ internal: 1, nat: true }] }, /^ports\[0\]\.nat is not supp/],
  ['a field of the wrong type', { volumes: [{ containerPath: 1 }] }, /containerPath must be a str/],
  ['a missing image', { image: undefined }, /^image is missing$/],
  [
    'a time without a unit',
    { healthcheck: { tests: ['CMD'], interval: '10' } },
    /interval must be/,
  ],
  ['an upload into a read-only root', upload({}, { readOnly: true }), /uploads into a container/],
  ['an upload without content', upload({ content: undefined }), /exactly one of content/],
  ['an upload with a relative path', upload({ file: 'a' }), /must be an absolute path/],
  ['an upload for a named owner', upload({ owner: 'www' }), /owner must be a number/],
  ['an upload with a decimal mode', upload({ permissions: '0800' }), /octal digits/],
  [
    'networks beside networkMode none',
    { networkMode: 'none', networksAdvanced: [{ name: 'n' }] },
    /cannot be combined/,
  ],
  ["the host's network", { networkMode: 'host' }, /"host" is not supported/],
  ['attach to a container that must run', { attach: true }, /needs mustRun: false/],
  ['cpus that are no number', { cpus: 'half' }, /cpus must be a number/],
];

function upload(change: Record<string, unknown>, more: Record<string, unknown> = {}) {
  return { ...more, uploads: [{ file: '/a', content: 'x', ...change }] };
}

for (const [what, change, expected] of refused) {
  test(`${what} is refused by name`, () => {
    const inputs = { image, ...change };
    const found = [
      ...problems(record(containerFields, ['image']), inputs, ''),
      ...containerProblems(inputs as unknown as ContainerInputs),
    ];
    assert.match(found.join('\n'), expected);
  });
}

test('a wrong input is named without its value, which may be secret', () => {
  const inputs = { image, envs: 'PASSWORD=topsecret' };
  const found = problems(record(containerFields, ['image']), inputs, '');
  assert.deepEqual(found, ['envs must be a list']);
});
