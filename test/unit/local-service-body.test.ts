import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registryAuth, serviceBody } from '../../local/resources/service-body.ts';
import { needsNewService, serviceProblems } from '../../local/resources/service-check.ts';
import { driftOf } from '../../local/resources/service-drift.ts';
import {
  type ContainerSpec,
  type ServiceInputs,
  serviceFields,
  type TaskSpec,
} from '../../local/resources/service-inputs.ts';
import { problems, record } from '../../local/shape.ts';

const image = 'sha256:abc';

function service(
  containerSpec: Partial<ContainerSpec> = {},
  taskSpec: Partial<TaskSpec> = {},
  inputs: Partial<ServiceInputs> = {},
): ServiceInputs {
  return { ...inputs, taskSpec: { ...taskSpec, containerSpec: { image, ...containerSpec } } };
}

const body = (inputs: ServiceInputs) => serviceBody('name', inputs, 'print');

test('a service with only an image has one replica and the fingerprint, and nothing else', () => {
  assert.deepEqual(body(service()), {
    Name: 'name',
    Labels: { 'lakehouse.inputs': 'print' },
    Mode: { Replicated: { Replicas: 1 } },
    TaskTemplate: { ContainerSpec: { Image: image } },
  });
});

const inContainer: [string, Partial<ContainerSpec>, Record<string, unknown>][] = [
  ['labels', { labels: [{ label: 'a', value: 'b' }] }, { Labels: { a: 'b' } }],
  [
    'the entry point and its arguments',
    { commands: ['c'], args: ['d'] },
    { Command: ['c'], Args: ['d'] },
  ],
  ['environment', { env: { A: '1', B: 'x=y' } }, { Env: ['A=1', 'B=x=y'] }],
  ['the user', { user: '1:2', groups: ['3'] }, { User: '1:2', Groups: ['3'] }],
  ['the folder and the host name', { dir: '/d', hostname: 'h' }, { Dir: '/d', Hostname: 'h' }],
  ['a read-only root', { readOnly: true }, { ReadOnly: true }],
  [
    'capabilities',
    { capDrops: ['ALL'], capAdds: ['CAP_CHOWN'] },
    { CapabilityDrop: ['ALL'], CapabilityAdd: ['CAP_CHOWN'] },
  ],
  ['init', { init: true }, { Init: true }],
  ['sysctl', { sysctl: { 'net.a': '1' } }, { Sysctls: { 'net.a': '1' } }],
  [
    'hosts in the order of /etc/hosts',
    { hosts: [{ host: 'h', ip: '10.0.0.1' }] },
    { Hosts: ['10.0.0.1 h'] },
  ],
  [
    'a volume of each node, in memory',
    {
      mounts: [
        {
          type: 'volume',
          source: 'v',
          target: '/v',
          readOnly: true,
          volumeOptions: { driverName: 'local', driverOptions: { type: 'tmpfs' } },
        },
      ],
    },
    {
      Mounts: [
        {
          Type: 'volume',
          Source: 'v',
          Target: '/v',
          ReadOnly: true,
          VolumeOptions: {
            NoCopy: false,
            DriverConfig: { Name: 'local', Options: { type: 'tmpfs' } },
          },
        },
      ],
    },
  ],
  [
    'a tmpfs',
    { mounts: [{ type: 'tmpfs', target: '/tmp', tmpfsOptions: { sizeBytes: 9, mode: 0o777 } }] },
    {
      Mounts: [
        {
          Type: 'tmpfs',
          Target: '/tmp',
          ReadOnly: false,
          TmpfsOptions: { SizeBytes: 9, Mode: 511 },
        },
      ],
    },
  ],
  [
    'a secret file with owner and mode',
    {
      secrets: [
        {
          secretId: 'i',
          secretName: 'n',
          fileName: 'f',
          fileUid: '1',
          fileGid: '2',
          fileMode: 0o400,
        },
      ],
    },
    {
      Secrets: [
        { SecretID: 'i', SecretName: 'n', File: { Name: 'f', UID: '1', GID: '2', Mode: 256 } },
      ],
    },
  ],
  [
    'a secret file as the provider has it by default',
    { secrets: [{ secretId: 'i', secretName: 'n', fileName: 'f' }] },
    {
      Secrets: [
        { SecretID: 'i', SecretName: 'n', File: { Name: 'f', UID: '0', GID: '0', Mode: 0o444 } },
      ],
    },
  ],
  [
    'a health check, in nanoseconds',
    { healthcheck: { tests: ['CMD', 'x'], interval: '10s', startPeriod: '500ms', retries: 3 } },
    { HealthCheck: { Test: ['CMD', 'x'], Interval: 10e9, StartPeriod: 500e6, Retries: 3 } },
  ],
  [
    'how it stops',
    { stopSignal: 'SIGTERM', stopGracePeriod: '1m30s' },
    { StopSignal: 'SIGTERM', StopGracePeriod: 90e9 },
  ],
  [
    'name servers',
    { dnsConfig: { nameservers: ['1.1.1.1'], searches: ['s'], options: ['o'] } },
    { DNSConfig: { Nameservers: ['1.1.1.1'], Search: ['s'], Options: ['o'] } },
  ],
];

for (const [what, inputs, expected] of inContainer) {
  test(`${what} reaches the Swarm`, () => {
    const { TaskTemplate } = body(service(inputs));
    assert.deepEqual(TaskTemplate, { ContainerSpec: { Image: image, ...expected } });
  });
}

const inTask: [string, Partial<TaskSpec>, Record<string, unknown>][] = [
  [
    'limits',
    { resources: { limits: { memoryBytes: 5, nanoCpus: 6 } } },
    { Resources: { Limits: { MemoryBytes: 5, NanoCPUs: 6 } } },
  ],
  [
    'what is kept free',
    { resources: { reservation: { memoryBytes: 5 } } },
    { Resources: { Reservations: { MemoryBytes: 5 } } },
  ],
  [
    'the restart policy',
    { restartPolicy: { condition: 'any', delay: '5s', maxAttempts: 0, window: '1m' } },
    { RestartPolicy: { Condition: 'any', Delay: 5e9, MaxAttempts: 0, Window: 60e9 } },
  ],
  [
    'placement',
    {
      placement: {
        constraints: ['node.labels.a==b'],
        prefs: ['node.labels.rack'],
        maxReplicas: 1,
        platforms: [{ architecture: 'amd64', os: 'linux' }],
      },
    },
    {
      Placement: {
        Constraints: ['node.labels.a==b'],
        Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.rack' } }],
        MaxReplicas: 1,
        Platforms: [{ Architecture: 'amd64', OS: 'linux' }],
      },
    },
  ],
  [
    'log rotation',
    { logDriver: { name: 'json-file', options: { 'max-size': '1m' } } },
    { LogDriver: { Name: 'json-file', Options: { 'max-size': '1m' } } },
  ],
  [
    'networks by id',
    { networksAdvanceds: [{ id: 'n1', aliases: ['a'] }] },
    { Networks: [{ Target: 'n1', Aliases: ['a'] }] },
  ],
  ['a forced update', { forceUpdate: 2 }, { ForceUpdate: 2 }],
];

for (const [what, inputs, expected] of inTask) {
  test(`${what} of a task reaches the Swarm`, () => {
    const { TaskTemplate } = body(service({}, inputs));
    assert.deepEqual(TaskTemplate, { ContainerSpec: { Image: image }, ...expected });
  });
}

test('the mode is global or a number of replicas', () => {
  const mode = (given: ServiceInputs['mode']) =>
    body(service({}, {}, given === undefined ? {} : { mode: given })).Mode;
  assert.deepEqual(mode({ global: true }), { Global: {} });
  assert.deepEqual(mode({ replicated: { replicas: 0 } }), { Replicated: { Replicas: 0 } });
  assert.deepEqual(mode({ global: false }), { Replicated: { Replicas: 1 } });
});

test('updates and roll backs have the defaults of the provider, ports too', () => {
  const updateConfig = {
    parallelism: 2,
    delay: '1s',
    failureAction: 'rollback',
    monitor: '15s',
    maxFailureRatio: '0.5',
    order: 'start-first',
  };
  const endpointSpec = {
    mode: 'dnsrr',
    ports: [{ targetPort: 8443, publishedPort: 443, publishMode: 'host' }, { targetPort: 1 }],
  };
  const made = body(service({}, {}, { updateConfig, rollbackConfig: {}, endpointSpec }));
  assert.deepEqual(made.UpdateConfig, {
    Parallelism: 2,
    Delay: 1e9,
    FailureAction: 'rollback',
    Monitor: 15e9,
    MaxFailureRatio: 0.5,
    Order: 'start-first',
  });
  assert.deepEqual(made.RollbackConfig, {
    Parallelism: 1,
    FailureAction: 'pause',
    Order: 'stop-first',
  });
  assert.deepEqual(made.EndpointSpec, {
    Mode: 'dnsrr',
    Ports: [
      { Protocol: 'tcp', TargetPort: 8443, PublishedPort: 443, PublishMode: 'host' },
      { Protocol: 'tcp', TargetPort: 1, PublishMode: 'ingress' },
    ],
  });
});

test('credentials for pulling are no part of what the Swarm keeps and shows', () => {
  const auth = { serverAddress: 'r:5000', username: 'u', password: 'topsecret' };
  assert.deepEqual(registryAuth({ auth }), {
    serveraddress: 'r:5000',
    username: 'u',
    password: 'topsecret',
  });
  assert.equal(registryAuth({}), undefined);
  assert.ok(!JSON.stringify(body(service({}, {}, { auth }))).includes('topsecret'));
});

const refused: [string, Record<string, unknown>, RegExp][] = [
  ['an input nobody knows', { placement: {} }, /^placement is not supported by the local runner$/],
  [
    'a folder of the host',
    task({ mounts: [{ type: 'bind', target: '/a', source: '/b' }] }),
    /mounts\[0\]\.type must be "volume" or "tmpfs" here/,
  ],
  [
    'a secret without its name',
    task({ secrets: [{ secretId: 'i', fileName: 'f' }] }),
    /secrets\[0\]\.secretName is missing/,
  ],
  [
    'a time without a unit',
    task({ stopGracePeriod: '30' }),
    /^taskSpec\.containerSpec\.stopGracePeriod must be a duration/,
  ],
  ['a ratio that is none', { updateConfig: { maxFailureRatio: '2' } }, /from 0 to 1 as text/],
  [
    'both modes',
    { mode: { global: true, replicated: { replicas: 1 } } },
    /mode is either global or replicated/,
  ],
  [
    'waiting for replicas of a global service, as the provider does',
    { mode: { global: true }, convergeConfig: { timeout: '1m' } },
    /convergeConfig .* cannot be combined with mode\.global/,
  ],
  [
    'a port of the routing mesh with dnsrr',
    { endpointSpec: { mode: 'dnsrr', ports: [{ targetPort: 1 }] } },
    /"dnsrr" needs publishMode "host"/,
  ],
  [
    'a network without id',
    { taskSpec: { containerSpec: { image }, networksAdvanceds: [{ aliases: ['a'] }] } },
    /networksAdvanceds\[0\] needs the id/,
  ],
  [
    'options of a volume on a tmpfs',
    task({ mounts: [{ type: 'tmpfs', target: '/a', volumeOptions: {} }] }),
    /volumeOptions are for volumes/,
  ],
];

function task(containerSpec: Record<string, unknown>) {
  return { taskSpec: { containerSpec: { image, ...containerSpec } } };
}

for (const [what, change, expected] of refused) {
  test(`${what} is refused by name`, () => {
    const inputs = { ...service(), ...change };
    const shape = problems(record(serviceFields, ['taskSpec']), inputs, '');
    const found = shape.length > 0 ? shape : serviceProblems(inputs as ServiceInputs);
    assert.match(found.join('\n'), expected);
  });
}

test('what Swarm cannot change needs a new service, everything else is a rolling update', () => {
  const before = service({ hosts: [{ host: 'h', ip: '1' }] }, { networksAdvanceds: [{ id: 'a' }] });
  const paths = (after: ServiceInputs) => needsNewService(before, after);
  assert.deepEqual(paths(before), []);
  assert.deepEqual(paths(service({}, { networksAdvanceds: [{ id: 'b' }] })), [
    'taskSpec.containerSpec.hosts',
    'taskSpec.networksAdvanceds',
  ]);
  const same = { hosts: [{ host: 'h', ip: '1' }] };
  const networks = { networksAdvanceds: [{ id: 'a' }] };
  assert.deepEqual(paths(service({ ...same, sysctl: { a: '1' } }, networks)), [
    'taskSpec.containerSpec.sysctl',
  ]);
  assert.deepEqual(paths(service(same, networks, { mode: { global: true } })), ['mode.global']);
  assert.deepEqual(
    paths(
      service({ ...same, image: 'sha256:def' }, networks, {
        mode: { replicated: { replicas: 3 } },
      }),
    ),
    [],
  );
});

test('a service that people or a roll back changed is known by what differs', () => {
  const made = body(
    service({ env: { A: '1', B: '2' } }, {}, { mode: { replicated: { replicas: 2 } } }),
  );
  const found = structuredClone(made);
  assert.equal(driftOf(made, found), undefined);
  const spec = found.TaskTemplate as { ContainerSpec: { Image: string; Env: string[] } };
  spec.ContainerSpec.Env.reverse();
  assert.equal(driftOf(made, found), undefined, 'the order of variables says nothing');
  spec.ContainerSpec.Image = 'sha256:def';
  found.Mode = { Replicated: { Replicas: 1 } };
  assert.equal(driftOf(made, found), 'changed on the Swarm since: image, number of replicas');
});

test('a digest that the engine added to a tag is no difference', () => {
  const made = body(service({ image: 'host:5000/a:t' }));
  assert.equal(driftOf(made, body(service({ image: 'host:5000/a:t@sha256:1' }))), undefined);
  const byDigest = body(service({ image: 'host:5000/a@sha256:1' }));
  assert.match(
    driftOf(byDigest, body(service({ image: 'host:5000/a@sha256:2' }))) ?? '',
    /since: image$/,
  );
});
