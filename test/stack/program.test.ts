import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { violations } from '../../infra/rules/index.ts';
import type { RecordedProgram, RecordedResource } from '../fixtures/stack/record.ts';
import { recordProgram } from '../helpers/pulumi-program.ts';
import { plain } from '../helpers/recorded.ts';

const CONTAINER = 'docker:index/container:Container';
const SERVICES = ['demo', 'refresher', 'proxy'];

const find = (program: RecordedProgram, type: string, name: string): RecordedResource => {
  const found = program.resources.find((each) => each.type === type && each.name === name);
  assert.ok(found, `the program registers ${type} "${name}"`);
  return found;
};
const container = (program: RecordedProgram, name: string) => find(program, CONTAINER, name);

describe('the dev stack with the demo Dremio', () => {
  let program: RecordedProgram;
  before(async () => {
    program = await recordProgram({ config: { demo: 'true' } });
  });

  it('runs three services, each from an image by content', () => {
    for (const name of SERVICES)
      assert.match(String(container(program, name).inputs.image), /^sha256:[0-9a-f]{64}$/);
  });

  it('publishes one port, the proxy’s, on the loopback address', () => {
    const published = program.resources
      .filter(({ type }) => type === CONTAINER)
      .flatMap(({ name, inputs }) =>
        ((inputs.ports ?? []) as object[]).map((port) => ({ name, ...port })),
      );
    assert.deepEqual(published, [
      { name: 'proxy', internal: 8080, external: 8470, ip: '127.0.0.1', protocol: 'tcp' },
    ]);
  });

  it('keeps the demo and the refresher on a network without a way out', () => {
    assert.equal(find(program, 'docker:index/network:Network', 'internal').inputs.internal, true);
    const networks = (name: string) =>
      (container(program, name).inputs.networksAdvanced as { name: string }[]).map(
        (each) => each.name,
      );
    assert.deepEqual(networks('demo'), ['lakehouse-dev-internal']);
    assert.deepEqual(networks('refresher'), ['lakehouse-dev-internal']);
    assert.deepEqual(networks('proxy'), ['lakehouse-dev-internal', 'lakehouse-dev-edge']);
  });

  it('lets the refresher write the token and the proxy only read it, in memory', () => {
    const token = find(program, 'docker:index/volume:Volume', 'token-volume');
    assert.deepEqual(token.inputs.driverOpts, {
      type: 'tmpfs',
      device: 'tmpfs',
      o: 'size=64k,uid=10001,gid=10000,mode=2750',
    });
    const mount = (name: string) =>
      (container(program, name).inputs.volumes as { volumeName: string; readOnly: boolean }[]).find(
        ({ volumeName }) => volumeName === 'lakehouse-dev-token',
      );
    assert.equal(mount('refresher')?.readOnly, false);
    assert.equal(mount('proxy')?.readOnly, true);
    assert.equal(mount('demo'), undefined);
  });

  it('starts the demo, then the refresher, then the proxy, each when the one before is ready', () => {
    assert.deepEqual(container(program, 'refresher').options.dependsOn, ['demo']);
    assert.deepEqual(container(program, 'proxy').options.dependsOn, [
      'refresher',
      'proxy-live-secrets',
    ]);
    for (const name of SERVICES) assert.equal(container(program, name).inputs.wait, true);
  });

  it('gives a service its secrets as files of mode 0400 that are secret to Pulumi', () => {
    const uploads = container(program, 'refresher-secrets').inputs.uploads as {
      secret?: unknown;
      file: string;
      content: { secret?: string };
      permissions: string;
    }[];
    const [upload] = plain(uploads) as { file: string; content: string; permissions: string }[];
    assert.deepEqual(upload, {
      file: '/run/secrets/dremio-password.next',
      content: 'made-demo-password',
      permissions: '0400',
    });
    assert.match(JSON.stringify(uploads), /"secret":/);
  });

  it('puts such a file into its place whole, as the service’s own', () => {
    const { entrypoints, command } = container(program, 'refresher-secrets').inputs as {
      entrypoints: string[];
      command: string[];
    };
    assert.match(entrypoints.join(' '), /chown .* mv -f .* 10001:10000$/);
    assert.deepEqual(command, ['dremio-password']);
  });

  it('gives up a peer that is gone, and bounds descriptors', () => {
    for (const name of SERVICES) {
      const { sysctls, ulimits } = container(program, name).inputs;
      assert.deepEqual(sysctls, {
        'net.ipv4.tcp_keepalive_time': '25',
        'net.ipv4.tcp_keepalive_intvl': '5',
        'net.ipv4.tcp_keepalive_probes': '4',
        'net.ipv4.tcp_retries2': '6',
      });
      const most = name === 'proxy' ? 16_384 : 4096;
      assert.deepEqual(ulimits, [
        { name: 'core', soft: 0, hard: 0 },
        { name: 'nofile', soft: most, hard: most },
      ]);
    }
  });

  it('carries no secret in a service’s own inputs', () => {
    for (const name of SERVICES) {
      const text = JSON.stringify(container(program, name).inputs);
      for (const secret of ['made-demo-password', 'made-mcp-key', 'made-session-secret'])
        assert.ok(!text.includes(secret), `${name} must not carry ${secret}`);
    }
  });

  it('replaces a container rather than updating it, the old one first', () => {
    for (const { name, options } of program.resources.filter(({ type }) => type === CONTAINER)) {
      assert.equal(options.deleteBeforeReplace, true, name);
      assert.deepEqual(options.replaceOnChanges, ['*'], name);
    }
  });

  it('breaks no rule', () => {
    const broken = program.resources.flatMap(({ type, name, inputs, options }) =>
      violations(
        {
          type,
          name,
          inputs: plain(inputs) as Record<string, unknown>,
          options: {
            protect: options.protect ?? false,
            retainOnDelete: options.retainOnDelete ?? false,
          },
        },
        { stack: 'dev', environment: 'dev' },
      ),
    );
    assert.deepEqual(broken, []);
  });

  it('names the URL in clear and keeps keys and client settings secret', () => {
    assert.deepEqual(program.outputs.mcpUrl, {
      value: 'http://127.0.0.1:8470/mcp',
      secret: false,
    });
    assert.deepEqual(program.outputs.mcpKeys, { value: { default: 'made-mcp-key' }, secret: true });
    assert.equal(program.outputs.clientConfig?.secret, true);
    assert.deepEqual(program.outputs.clientConfig?.value, {
      mcpServers: {
        lakehouse: {
          type: 'http',
          url: 'http://127.0.0.1:8470/mcp',
          headers: { Authorization: 'Bearer made-mcp-key' },
        },
      },
    });
  });
});

describe('a stack with one’s own Dremio', { concurrency: 2 }, () => {
  const own = { dremioUrl: 'https://dremio.example:9047', dremioUsername: 'analyst' };
  const secrets = { dremioPassword: 'correct-horse-battery' };
  const environment = (program: RecordedProgram, name: string) => {
    const entries = container(program, name).inputs.envs as string[];
    return Object.fromEntries(entries.map((entry) => entry.split(/=(.*)/s).slice(0, 2)));
  };

  it('has no demo, and a way out for refresher and proxy alone', async () => {
    const program = await recordProgram({ config: own, secrets });
    assert.ok(!program.resources.some(({ name }) => name.startsWith('demo')));
    assert.equal(find(program, 'docker:index/network:Network', 'egress').inputs.internal, false);
    for (const name of ['refresher', 'proxy']) {
      assert.match(
        JSON.stringify(container(program, name).inputs.networksAdvanced),
        /lakehouse-dev-egress/,
      );
      assert.equal(environment(program, name).DREMIO_URL, 'https://dremio.example:9047');
    }
    assert.equal(environment(program, 'refresher').DREMIO_USERNAME, 'analyst');
  });

  it('reaches a loopback address as the machine that the containers run on', async () => {
    const program = await recordProgram({
      config: { ...own, dremioUrl: 'http://localhost:9047' },
      secrets,
    });
    for (const name of ['refresher', 'proxy']) {
      assert.equal(environment(program, name).DREMIO_URL, 'http://host.docker.internal:9047');
      assert.deepEqual(container(program, name).inputs.hosts, [
        { host: 'host.docker.internal', ip: 'host-gateway' },
      ]);
    }
  });

  it('tells the refresher when to check, renew and log out, and whether to create the first user', async () => {
    const usual = environment(await recordProgram({ config: own, secrets }), 'refresher');
    const tuned = {
      tokenCheckInterval: '60',
      tokenRefreshMargin: '7200',
      tokenLogoutAfter: '600',
      dremioCreateFirstUser: 'true',
    };
    const program = await recordProgram({ config: { ...own, ...tuned }, secrets });
    const pick = (all: Record<string, string>) => [
      all.CHECK_INTERVAL,
      all.REFRESH_MARGIN,
      all.LOGOUT_REPLACED_AFTER,
      all.CREATE_FIRST_USER,
    ];
    assert.deepEqual(pick(usual), ['300', '21600', '0', 'false']);
    assert.deepEqual(pick(environment(program, 'refresher')), ['60', '7200', '600', 'true']);
  });

  it('joins an existing network instead of making one', async () => {
    const program = await recordProgram({ config: { ...own, dremioNetwork: 'company' }, secrets });
    assert.ok(!program.resources.some(({ name }) => name === 'egress'));
    assert.match(JSON.stringify(container(program, 'proxy').inputs.networksAdvanced), /"company"/);
  });

  it('hands the authority’s certificate to both services as a file', async () => {
    const dremioCa = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    const program = await recordProgram({ config: { ...own, dremioCa }, secrets });
    for (const name of ['refresher', 'proxy']) {
      assert.equal(environment(program, name).DREMIO_CA_FILE, '/run/secrets/dremio-ca.pem');
      assert.match(
        JSON.stringify(container(program, `${name}-secrets`).inputs.uploads),
        /dremio-ca\.pem/,
      );
    }
  });

  it('uses the given key instead of making one', async () => {
    const mcpKey = 'k'.repeat(40);
    const program = await recordProgram({ config: own, secrets: { ...secrets, mcpKey } });
    assert.deepEqual(program.outputs.mcpKeys, { value: { default: mcpKey }, secret: true });
    assert.ok(!program.resources.some(({ name }) => name === 'mcp-key'));
  });
});
