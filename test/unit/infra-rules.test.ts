import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { violations } from '../../infra/rules/index.ts';

const good = {
  image: `sha256:${'a'.repeat(64)}`,
  capabilities: { drops: ['ALL'] },
  securityOpts: ['no-new-privileges'],
  memory: 64,
  memorySwap: 64,
  logOpts: { 'max-size': '10m', 'max-file': '3' },
  user: '10001:10000',
  envs: ['DREMIO_PASSWORD_FILE=/run/secrets/dremio-password'],
  readOnly: true,
  healthcheck: { tests: ['CMD', 'node', 'probe.js'] },
  init: true,
  restart: 'unless-stopped',
  sysctls: { 'net.ipv4.tcp_retries2': '6' },
  ports: [{ internal: 8080, external: 8470, ip: '127.0.0.1' }],
};
const check = (change: Record<string, unknown>) =>
  violations(
    {
      type: 'docker:index/container:Container',
      name: 'it',
      inputs: { ...good, ...change },
      options: {},
    },
    { stack: 'dev', environment: 'dev' },
  );

describe('the rules for containers', () => {
  it('find nothing wrong with a hardened service', () => assert.deepEqual(check({}), []));

  const broken: [string, Record<string, unknown>][] = [
    ['image-by-content', { image: 'lakehouse-mcp/proxy:dev' }],
    ['capabilities', { capabilities: {} }],
    ['capabilities', { capabilities: { drops: ['ALL'], adds: ['CAP_NET_ADMIN'] } }],
    ['no-new-privileges', { securityOpts: [] }],
    ['not-privileged', { privileged: true }],
    ['not-privileged', { networkMode: 'host' }],
    ['not-privileged', { pidMode: 'host' }],
    ['not-privileged', { devices: [{ hostPath: '/dev/kmsg' }] }],
    ['no-host-folders', { volumes: [{ hostPath: '/var/run/docker.sock', containerPath: '/s' }] }],
    ['no-host-folders', { mounts: [{ type: 'bind', source: '/', target: '/host' }] }],
    ['memory-and-swap', { memory: undefined }],
    ['memory-and-swap', { memorySwap: 128 }],
    ['log-rotation', { logOpts: { 'max-size': '10m' } }],
    ['numeric-user', { user: 'node' }],
    ['numeric-user', { user: '0:0' }],
    ['no-secrets-in-environment', { envs: ['DREMIO_PASSWORD=hunter2'] }],
    ['read-only-root', { readOnly: false }],
    ['health-check', { healthcheck: { tests: ['CMD-SHELL', 'curl localhost'] } }],
    ['init', { init: false }],
    ['restart-policy', { restart: 'no' }],
    ['dead-peers', { sysctls: {} }],
    ['dead-peers', { sysctls: { 'net.ipv4.tcp_retries2': '15' } }],
    ['loopback-only', { ports: [{ internal: 8080, external: 8470 }] }],
    ['loopback-only', { ports: [{ internal: 8080, external: 8470, ip: '0.0.0.0' }] }],
  ];
  for (const [id, change] of broken)
    it(`${id} refuses ${JSON.stringify(change)}`, () => {
      const found = check(change);
      assert.equal(found.length, 1);
      assert.match(found[0] ?? '', new RegExp(`^"it": .+ \\[${id}\\]$`));
    });

  it('take what is counted per key for a setting', () => {
    assert.deepEqual(check({ envs: ['MAX_IN_FLIGHT_PER_KEY=256'] }), []);
  });

  it('never quote the value of a secret', () => {
    assert.doesNotMatch(check({ envs: ['API_KEY=hunter2'] }).join(), /hunter2/);
  });

  it('let a container that ends by itself change owners as root, and nothing more', () => {
    const filler = { mustRun: false, user: '0:0', readOnly: false, init: false, restart: 'no' };
    const capabilities = { drops: ['ALL'], adds: ['CAP_CHOWN'] };
    assert.deepEqual(check({ ...filler, capabilities }), []);
    const more = { drops: ['ALL'], adds: ['CAP_CHOWN', 'CAP_SYS_ADMIN'] };
    assert.match(check({ ...filler, capabilities: more }).join(), /CAP_SYS_ADMIN/);
  });
});
