import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { RecordedProgram, RecordedResource } from '../fixtures/stack/record.ts';
import { recordProgram } from '../helpers/pulumi-program.ts';
import { DIGEST, productionOptions } from '../helpers/recorded.ts';

const SERVICE = 'docker:index/service:Service';
const SECRET = 'docker:index/secret:Secret';
const PASSWORD = 'random:index/randomPassword:RandomPassword';
const NETWORK = 'docker:index/network:Network';
const production = (
  config: Record<string, string> = {},
  more: { preview?: boolean; secrets?: Record<string, string> } = {},
) => {
  const { secrets, ...rest } = more;
  return recordProgram({ ...productionOptions(config, secrets), ...rest });
};

const all = (program: RecordedProgram, type: string) =>
  program.resources.filter((resource) => resource.type === type);
const find = (program: RecordedProgram, type: string, name: string): RecordedResource => {
  const found = all(program, type).find((resource) => resource.name === name);
  assert.ok(found, `the program registers ${type} "${name}"`);
  return found;
};

interface ServiceInputs {
  mode: { global?: boolean; replicated?: { replicas: number } };
  updateConfig: { order: string; failureAction: string };
  endpointSpec: { mode: string; ports: { publishedPort: number; publishMode: string }[] };
  labels: { label: string; value: string }[];
  taskSpec: {
    containerSpec: {
      env: Record<string, string>;
      secrets: { secretId: string; fileName: string; fileUid: string; fileMode: number }[];
      mounts: { type: string; source?: string; target: string; readOnly?: boolean }[];
      stopGracePeriod: string;
      healthcheck: { tests: string[]; startPeriod: string };
    };
    networksAdvanceds: { id: string; aliases: string[] }[];
    placement: { constraints: string[] };
  };
}
const service = (program: RecordedProgram, name: string) =>
  find(program, SERVICE, name).inputs as unknown as ServiceInputs;
const task = (program: RecordedProgram, name: string) =>
  service(program, name).taskSpec.containerSpec;

const slots = (program: RecordedProgram, secret: string) =>
  all(program, PASSWORD)
    .filter(({ name }) => name.startsWith(secret))
    .map(({ name, inputs }) => [name, (inputs.keepers as object | undefined) ?? null])
    .sort();
const fileOf = (program: RecordedProgram, name: string) =>
  Buffer.from(
    (find(program, SECRET, name).inputs.data as { secret: string }).secret,
    'base64',
  ).toString();
const keyFile = (program: RecordedProgram) => fileOf(program, 'lakehouse-prod-proxy-mcp-keys.json');

describe('the production stack', () => {
  let program: RecordedProgram;
  before(async () => {
    program = await production();
  });

  it('runs a refresher on each node, two proxies and an edge', () => {
    assert.deepEqual(
      all(program, SERVICE)
        .map(({ name }) => name)
        .sort(),
      ['edge', 'proxy', 'refresher'],
    );
    assert.deepEqual(service(program, 'refresher').mode, { global: true });
    assert.deepEqual(service(program, 'proxy').mode, { replicated: { replicas: 2 } });
    assert.deepEqual(service(program, 'edge').mode, { replicated: { replicas: 1 } });
  });

  it('S10 publishes the ports of the edge and no other', () => {
    const ports = all(program, SERVICE).flatMap(({ name }) =>
      service(program, name).endpointSpec.ports.map((port) => [
        name,
        port.publishedPort,
        port.publishMode,
      ]),
    );
    assert.deepEqual(ports, [
      ['edge', 443, 'host'],
      ['edge', 80, 'host'],
    ]);
  });

  it('starts new ones first where no port stands in the way, and goes back when they do not work', () => {
    const order = (name: string) => service(program, name).updateConfig.order;
    assert.deepEqual(
      [order('refresher'), order('proxy'), order('edge')],
      ['start-first', 'start-first', 'stop-first'],
    );
    for (const { name } of all(program, SERVICE))
      assert.equal(service(program, name).updateConfig.failureAction, 'rollback');
  });

  it('asks for the health of a start: a Dremio that is away ends nothing', () => {
    for (const { name } of all(program, SERVICE))
      assert.match(task(program, name).healthcheck.tests.at(-1) ?? '', /startupz$/);
  });

  it('has nothing that the provider reads back in another form, which each preview would show as a change', () => {
    for (const { name } of all(program, SERVICE)) {
      const { healthcheck, stopGracePeriod, env } = task(program, name);
      for (const duration of [healthcheck.startPeriod, stopGracePeriod])
        assert.match(duration, /^([1-5]?\ds|\d+m|\d+m\d+s)$/, `${name}: ${duration}`);
      assert.notDeepEqual(env, {}, `${name} has settings, or leaves them out`);
    }
    assert.equal(task(program, 'proxy').healthcheck.startPeriod, '3m');
  });

  it('has secrets without names of their own, each for its service’s user alone', () => {
    for (const secret of all(program, SECRET)) {
      assert.equal(secret.inputs.name, undefined);
      assert.ok(
        'secret' in (secret.inputs.data as object),
        `${secret.name} is secret in the state`,
      );
    }
    const files = (name: string) =>
      task(program, name).secrets.map(({ fileName, fileUid, fileMode }) => [
        fileName,
        fileUid,
        fileMode,
      ]);
    assert.deepEqual(files('refresher'), [['dremio-password', '10001', 0o400]]);
    assert.deepEqual(files('proxy'), [
      ['session-secret', '10002', 0o400],
      ['mcp-keys.json', '10002', 0o400],
    ]);
    assert.deepEqual(files('edge'), [['Caddyfile', '10004', 0o400]]);
  });

  it('has overlay networks, closed and encrypted but for the two that lead out', () => {
    const networks = all(program, NETWORK).map(({ name, inputs, options }) => [
      name,
      inputs.driver,
      inputs.internal,
      options.ignoreChanges,
    ]);
    assert.deepEqual(networks.sort(), [
      ['edge', 'overlay', true, ['options']],
      ['egress', 'overlay', false, ['options']],
      ['internal', 'overlay', true, ['options']],
      ['public', 'overlay', false, ['options']],
    ]);
    const joined = (name: string) =>
      service(program, name)
        .taskSpec.networksAdvanceds.map(({ id }) => id.replace('id-of-', ''))
        .sort();
    assert.deepEqual(joined('refresher'), ['egress', 'internal']);
    assert.deepEqual(joined('proxy'), ['edge', 'egress', 'internal']);
    assert.deepEqual(joined('edge'), ['edge', 'public']);
  });

  it('keeps the token in the memory of each node, where the proxy reads it only', () => {
    const mount = (name: string) =>
      task(program, name).mounts.find(({ source }) => source === 'lakehouse-prod-token');
    assert.equal(mount('refresher')?.readOnly, false);
    assert.equal(mount('proxy')?.readOnly, true);
    assert.deepEqual((mount('proxy') as { volumeOptions?: object }).volumeOptions, {
      driverName: 'local',
      driverOptions: {
        type: 'tmpfs',
        device: 'tmpfs',
        o: 'size=64k,uid=10001,gid=10000,mode=2750',
      },
    });
  });

  it('protects what an authority was asked for, and deletes it never', () => {
    const volume = find(program, 'docker:index/volume:Volume', 'edge-data-volume');
    assert.equal(volume.options.protect, true);
    assert.equal(volume.options.retainOnDelete, true);
    assert.deepEqual((volume.inputs.labels as { label: string }[]).at(-1), {
      label: 'lakehouse.data',
      value: 'true',
    });
  });

  it('makes secrets in one slot each', () => {
    assert.deepEqual(slots(program, 'mcp-key'), [['mcp-key', null]]);
    assert.deepEqual(slots(program, 'session-secret'), [['session-secret', null]]);
    assert.equal(keyFile(program), '{"default":"made-mcp-key"}');
  });

  it('lets proxies accept until no name leads to them, and stop later than that', () => {
    assert.equal(task(program, 'proxy').env.STOP_DELAY, '5');
    assert.equal(task(program, 'proxy').stopGracePeriod, '40s');
  });

  it('serves the proxies under the name that clients call', () => {
    assert.equal(task(program, 'proxy').env.ALLOWED_HOSTS, 'mcp.lakes.test');
    assert.equal(program.outputs.mcpUrl?.value, 'https://mcp.lakes.test/mcp');
    assert.equal(program.outputs.mcpUrl?.secret, false);
    assert.equal(program.outputs.mcpKeys?.secret, true);
  });
});

describe('the production stack with all that can be chosen', () => {
  let program: RecordedProgram;
  before(async () => {
    program = await production(
      {
        tlsMode: 'internal',
        monitoring: 'true',
        registry: 'registry.test:5000/lake',
        registryUsername: 'ci',
        mcpKeyGeneration: '2',
        mcpKeyOverlap: 'true',
        sessionSecretGeneration: '1',
      },
      { secrets: { registryPassword: 'word-of-the-registry' } },
    );
  });

  it('has a network for a scraper, on which every service is', () => {
    assert.equal(find(program, NETWORK, 'monitoring').inputs.attachable, true);
    for (const { name } of all(program, SERVICE))
      assert.ok(
        service(program, name).taskSpec.networksAdvanceds.some(({ id }) => /monitoring/.test(id)),
        `${name} is on it`,
      );
  });

  it('makes an authority of its own with tlsMode internal, and hands out its certificate', () => {
    assert.equal(program.outputs.caCertificate?.value, 'certificate edge-tls-authority');
    assert.equal(program.outputs.caCertificate?.secret, false);
    assert.deepEqual(
      task(program, 'edge').secrets.map(({ fileName }) => fileName),
      ['tls.crt', 'tls.key', 'Caddyfile'],
    );
    assert.equal(all(program, 'docker:index/volume:Volume').length, 0, 'nothing to keep');
  });

  it('pushes images to a registry and lets every node pull them', () => {
    const { inputs } = find(program, 'docker:index/image:Image', 'proxy');
    assert.equal(inputs.imageName, 'registry.test:5000/lake/lakehouse-mcp/proxy:prod');
    assert.equal(inputs.skipPush, false);
    assert.deepEqual(find(program, SERVICE, 'proxy').inputs.auth, {
      secret: {
        serverAddress: 'registry.test:5000',
        username: 'ci',
        password: 'word-of-the-registry',
      },
    });
  });

  it('fills the other slot of a made secret at each rotation, so that the one before stays', () => {
    assert.deepEqual(slots(program, 'mcp-key'), [
      ['mcp-key', { generation: '2' }],
      ['mcp-key-2', { generation: '1' }],
    ]);
    assert.equal(keyFile(program), '{"default":["made-mcp-key","made-mcp-key-2"]}');
    assert.deepEqual(program.outputs.mcpKeys?.value, { default: 'made-mcp-key' });
    assert.deepEqual(slots(program, 'session-secret'), [
      ['session-secret', null],
      ['session-secret-2', { generation: '1' }],
    ]);
  });
});

describe('what a production stack begins and ends with', { concurrency: 2 }, () => {
  it('knows the next session secret before it signs with it', async () => {
    const program = await production({ sessionSecretGeneration: '1', sessionSecretNext: 'true' });
    assert.deepEqual(slots(program, 'session-secret'), [
      ['session-secret', { generation: '2' }],
      ['session-secret-2', { generation: '1' }],
    ]);
    assert.equal(
      fileOf(program, 'lakehouse-prod-proxy-session-secret'),
      'made-session-secret-2\nmade-session-secret',
    );
  });

  it('forgets the key before when the change of keys is finished', async () => {
    const program = await production({ mcpKeyGeneration: '1' });
    assert.deepEqual(slots(program, 'mcp-key'), [['mcp-key-2', { generation: '1' }]]);
    assert.equal(keyFile(program), '{"default":"made-mcp-key-2"}');
  });

  it('S10 refuses bases without a digest, which a preview shows as a warning', async () => {
    const loose = { nodeImage: 'registry.test/node:latest', caddyImage: `caddy@${DIGEST}` };
    await assert.rejects(
      production(loose),
      /"nodeImage" is registry.test\/node:latest, which may be.*npm run pin/,
    );
    await production(loose, { preview: true });
  });
});
