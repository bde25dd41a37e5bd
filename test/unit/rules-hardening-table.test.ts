import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Seen } from '../helpers/hardening-look.ts';
import { checks, isFiller } from '../helpers/hardening-table.ts';

const four = (id: string) => [id, id, id, id].join('\t');
const confined = {
  Uid: four('10002'),
  Gid: four('10000'),
  CapEff: '0000000000000000',
  CapPrm: '0000000000000000',
  CapBnd: '0000000000000000',
  CapAmb: '0000000000000000',
  NoNewPrivs: '1',
  Seccomp: '2',
};

/** Lists of a known length, so that their entries can be spoilt by position. */
const one = <A>(only: A): [A] => [only];
const two = <A, B>(first: A, second: B): [A, B] => [first, second];

/** As inspect and /proc show a service that keeps every line of the table. */
const good = () => ({
  platform: 'containers',
  component: 'proxy',
  engine: ['apparmor', 'seccomp'],
  container: {
    AppArmorProfile: 'docker-default',
    Config: {
      User: '10002:10000',
      Image: `sha256:${'a'.repeat(64)}`,
      Healthcheck: { Test: ['CMD', 'node', 'probe.js'] },
    },
    State: { Running: true, Health: { Status: 'healthy' } },
    Mounts: one({
      Type: 'volume',
      Source: '/volumes/x',
      Destination: '/token',
      Propagation: '',
    }),
    NetworkSettings: {
      Networks: { 'lakehouse-it-internal': {} },
      Ports: { '8080/tcp': one({ HostIp: '127.0.0.1', HostPort: '8470' }), '9090/tcp': null },
    },
    HostConfig: {
      CapAdd: null as string[] | null,
      CapDrop: ['ALL'],
      CgroupParent: '',
      Devices: [] as object[],
      Init: true,
      IpcMode: 'private',
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
      Memory: 64,
      MemorySwap: 64,
      NanoCpus: 500,
      NetworkMode: 'lakehouse-it-internal',
      PidMode: '',
      PidsLimit: 256,
      Privileged: false,
      ReadonlyRootfs: true,
      RestartPolicy: { Name: 'unless-stopped', MaximumRetryCount: 0 },
      SecurityOpt: ['no-new-privileges'],
      Sysctls: { 'net.ipv4.tcp_retries2': '6' },
      UTSMode: '',
      UsernsMode: '',
    },
  },
  image: { Config: { Healthcheck: { Test: ['CMD', 'node', 'probe.js'] } } },
  inside: {
    processes: two(
      { ...confined, Name: 'docker-init', Pid: '1' },
      { ...confined, Name: 'node', Pid: '7' },
    ),
    limits: { 'Max core file size': ['0', '0'], 'Max open files': ['4096', '4096'] },
    rootWrite: 'sh: 1: cannot create /.probe: Read-only file system',
    temporary: ['rw', 'nosuid', 'nodev', 'noexec'],
    setuidFiles: [] as string[],
    secrets: one({ path: '/run/secrets/key', mode: '400', uid: '10002' }),
  },
});
type Good = ReturnType<typeof good>;

/** What breaks one line each, and no other. */
const spoilt: Record<string, (seen: Good) => void> = {
  'numeric-user': ({ inside }) => {
    inside.processes[1].Uid = four('0');
  },
  'image-health-check': ({ image }) => {
    image.Config.Healthcheck.Test = ['NONE'];
  },
  'setuid-files': ({ inside }) => inside.setuidFiles.push('/bin/su'),
  'default-profiles': ({ container }) => {
    container.AppArmorProfile = 'unconfined';
  },
  capabilities: ({ inside }) => {
    inside.processes[1].CapBnd = '00000000a80425fb';
  },
  'not-privileged': ({ container }) => {
    container.HostConfig.Privileged = true;
  },
  'no-host-folders': ({ container }) => {
    container.Mounts[0].Type = 'bind';
  },
  'no-ssh': ({ inside }) => {
    inside.processes[1].Name = 'sshd';
  },
  'unprivileged-ports': ({ container }) => {
    container.NetworkSettings.Ports['8080/tcp'][0].HostPort = '443';
  },
  'own-network': ({ container }) => {
    container.HostConfig.NetworkMode = 'host';
  },
  'memory-limit': ({ container }) => {
    container.HostConfig.Memory = 0;
  },
  'no-swap': ({ container }) => {
    container.HostConfig.MemorySwap = 128;
  },
  'cpu-limit': ({ container }) => {
    container.HostConfig.NanoCpus = 0;
  },
  'read-only-root': ({ inside }) => {
    inside.rootWrite = '';
  },
  'temporary-folder': ({ inside }) => {
    inside.temporary = ['rw', 'nosuid', 'nodev'];
  },
  'bound-address': ({ container }) => {
    container.NetworkSettings.Ports['8080/tcp'][0].HostIp = '0.0.0.0';
  },
  'restart-policy': ({ container }) => {
    container.HostConfig.RestartPolicy.Name = 'no';
  },
  'own-processes': ({ container }) => {
    container.HostConfig.PidMode = 'host';
  },
  'own-ipc': ({ container }) => {
    container.HostConfig.IpcMode = 'host';
  },
  'no-devices': ({ container }) => container.HostConfig.Devices.push({ PathOnHost: '/dev/kmsg' }),
  'process-limits': ({ inside }) => {
    inside.limits['Max core file size'] = ['0', 'unlimited'];
  },
  'private-mounts': ({ container }) => {
    container.Mounts[0].Propagation = 'rshared';
  },
  'own-name': ({ container }) => {
    container.HostConfig.UTSMode = 'host';
  },
  seccomp: ({ inside }) => {
    inside.processes[1].Seccomp = '0';
  },
  'own-cgroup': ({ container }) => {
    container.HostConfig.CgroupParent = '/other';
  },
  'no-new-privileges': ({ inside }) => {
    inside.processes[1].NoNewPrivs = '0';
  },
  'health-check': ({ container }) => {
    container.State.Health.Status = 'unhealthy';
  },
  'image-by-content': ({ container }) => {
    container.Config.Image = 'lakehouse-mcp/proxy:latest';
  },
  'process-count': ({ container }) => {
    container.HostConfig.PidsLimit = 0;
  },
  'no-default-bridge': ({ container }) => {
    Object.assign(container.NetworkSettings.Networks, { bridge: {} });
  },
  'own-users': ({ container }) => {
    container.HostConfig.UsernsMode = 'host';
  },
  'no-engine-socket': ({ container }) => {
    container.Mounts[0].Source = '/var/run/docker.sock';
  },
  init: ({ inside }) => {
    inside.processes[0].Name = 'node';
  },
  'log-rotation': ({ container }) => {
    container.HostConfig.LogConfig.Type = 'local';
  },
  'dead-peers': ({ container }) => {
    container.HostConfig.Sysctls['net.ipv4.tcp_retries2'] = '15';
  },
  'secret-files': ({ inside }) => {
    inside.secrets[0].mode = '444';
  },
};

const broken = (seen: Good) => {
  // Only the fields that the table reads.
  const whole = seen as unknown as Seen;
  return checks.filter((check) => check.problems(whole).length > 0).map(({ id }) => id);
};

describe('the hardening table', () => {
  it('passes a container that is as it should be', () => assert.deepEqual(broken(good()), []));

  for (const { id, says } of checks)
    it(`sees when it is not so that ${says}`, () => {
      const spoil = spoilt[id];
      assert.ok(spoil, `nothing shows that ${id} can fail`);
      const seen = good();
      spoil(seen);
      // One fact may decide two lines: without a memory limit there is none for swap.
      const along = id === 'memory-limit' ? ['memory-limit', 'no-swap'] : [id];
      assert.deepEqual(broken(seen), along);
    });

  it('has each line once', () => {
    const numbers = checks.flatMap(({ cis }) => cis ?? []);
    assert.equal(new Set(numbers).size, numbers.length);
    assert.equal(new Set(checks.map(({ id }) => id)).size, checks.length);
  });

  it('lets a filler of secret files change owners, and nothing more', () => {
    const seen = good() as unknown as { -readonly [K in keyof Seen]: Seen[K] };
    delete seen.inside;
    const capabilities = checks.find(({ id }) => id === 'capabilities');
    assert.ok(isFiller(seen));
    seen.container.HostConfig.CapAdd = ['CAP_CHOWN'];
    assert.deepEqual(capabilities?.problems(seen), []);
    seen.container.HostConfig.CapAdd = ['CAP_CHOWN', 'CAP_SYS_ADMIN'];
    assert.deepEqual(capabilities?.problems(seen), ['it adds CAP_SYS_ADMIN']);
  });
});
