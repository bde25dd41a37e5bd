/**
 * What every container must be on a running engine, on every platform: the one table for promises S1 (inspect data and
 * /proc) and S2 (CIS Docker Benchmark 1.6.0, sections 4 and 5, by number). What a platform cannot give stands in
 * infra/rules/exceptions.ts.
 */
import type { ProcessStatus, Seen } from './hardening-look.ts';

export interface Check {
  /** That of the rule that asks for it, where there is one. */
  readonly id: string;
  /** Number in the CIS Docker Benchmark 1.6.0. */
  readonly cis?: string;
  readonly says: string;
  /** It is a line of promise S9, the supply chain, too. */
  readonly ofSupply?: boolean;
  /** Asked of what only fills a volume and ends by itself, too. */
  readonly ofFillers: boolean;
  problems(seen: Seen): readonly string[];
}

/** Only fills a volume with secret files; it has ended. */
export const isFiller = ({ inside, platform }: Seen) =>
  inside === undefined && platform === 'containers';

const expect = (fine: boolean, problem: string) => (fine ? [] : [problem]);

const eachProcess = ({ inside }: Seen, problem: (status: ProcessStatus) => string | undefined) =>
  (inside?.processes ?? []).flatMap((status) => problem(status) ?? []);

/** `HostIp:HostPort` of every published port. */
const published = ({ container }: Seen) =>
  Object.values(container.NetworkSettings.Ports ?? {}).flatMap((hosts) =>
    (hosts ?? []).map(({ HostIp, HostPort }) => ({ address: HostIp, port: Number(HostPort) })),
  );

const ofAll = { ofFillers: true };
const ofServices = { ofFillers: false };

export const checks: readonly Check[] = [
  {
    id: 'numeric-user',
    cis: '4.1',
    says: 'it runs as a numeric user that is not root, in every process',
    ...ofServices,
    problems(seen) {
      const user = seen.container.Config.User;
      const [uid, gid] = user.split(':');
      const all = (value: string | undefined) => [value, value, value, value].join('\t');
      return [
        ...expect(/^[1-9]\d*:\d+$/.test(user), `its user is "${user}"`),
        ...eachProcess(seen, ({ Name, Uid, Gid }) =>
          Uid === all(uid) && Gid === all(gid)
            ? undefined
            : `process ${Name} runs as ${Uid} and ${Gid}`,
        ),
      ];
    },
  },
  {
    id: 'image-health-check',
    cis: '4.6',
    says: 'its image has a health check',
    ...ofServices,
    problems: ({ image }) =>
      expect(
        (image.Config.Healthcheck as { Test?: string[] } | undefined)?.Test?.[0] === 'CMD',
        'its image has no HEALTHCHECK in exec form',
      ),
  },
  {
    id: 'setuid-files',
    cis: '4.8',
    ofSupply: true,
    says: 'no file of it is setuid or setgid',
    ...ofServices,
    problems: ({ inside }) =>
      (inside?.setuidFiles ?? ['?']).map((file) => `${file} is setuid or setgid`),
  },
  {
    id: 'default-profiles',
    cis: '5.2',
    says: 'AppArmor confines it where the engine has AppArmor',
    ...ofAll,
    problems: ({ container: { AppArmorProfile: profile }, engine }) =>
      expect(
        profile === '' ? !engine.includes('apparmor') : profile !== 'unconfined',
        `its AppArmor profile is "${profile}"`,
      ),
  },
  {
    id: 'capabilities',
    cis: '5.4',
    says: 'it has no capability, in any process',
    ...ofAll,
    problems(seen) {
      const { CapAdd, CapDrop } = seen.container.HostConfig;
      const added = (CapAdd ?? []).filter(
        (name: string) => !(isFiller(seen) && name === 'CAP_CHOWN'),
      );
      return [
        ...expect((CapDrop ?? []).includes('ALL'), `it drops ${JSON.stringify(CapDrop)}`),
        ...expect(added.length === 0, `it adds ${added.join(', ')}`),
        ...eachProcess(seen, ({ Name, CapEff, CapPrm, CapBnd, CapAmb }) =>
          [CapEff, CapPrm, CapBnd, CapAmb].every((set) => /^0+$/.test(set ?? ''))
            ? undefined
            : `process ${Name} has capabilities ${CapEff}, bound ${CapBnd}`,
        ),
      ];
    },
  },
  {
    id: 'not-privileged',
    cis: '5.5',
    says: 'it is not privileged',
    ...ofAll,
    problems: ({ container }) => expect(!container.HostConfig.Privileged, 'it is privileged'),
  },
  {
    id: 'no-host-folders',
    cis: '5.6',
    says: 'it mounts no folder of the host',
    ...ofAll,
    problems: ({ container }) =>
      container.Mounts.filter(({ Type }) => Type === 'bind').map(
        ({ Source }) => `it mounts ${Source}`,
      ),
  },
  {
    id: 'no-ssh',
    cis: '5.7',
    says: 'nobody logs in to it',
    ...ofServices,
    problems: (seen) =>
      eachProcess(seen, ({ Name }) => (Name === 'sshd' ? 'it runs sshd' : undefined)),
  },
  {
    id: 'unprivileged-ports',
    cis: '5.8',
    says: 'it publishes no port below 1024',
    ...ofAll,
    problems: (seen) =>
      published(seen)
        .filter(({ port }) => port < 1024)
        .map(({ port }) => `it publishes ${port}`),
  },
  {
    id: 'own-network',
    cis: '5.10',
    says: 'it is not on the network of the host',
    ...ofAll,
    problems: ({ container }) =>
      expect(container.HostConfig.NetworkMode !== 'host', 'it is on the network of the host'),
  },
  {
    id: 'memory-limit',
    cis: '5.11',
    says: 'its memory is bounded',
    ...ofAll,
    problems: ({ container }) =>
      expect(Number(container.HostConfig.Memory) > 0, 'its memory has no limit'),
  },
  {
    id: 'no-swap',
    says: 'its memory is not swapped',
    ...ofAll,
    problems: ({ container: { HostConfig } }) =>
      expect(
        Number(HostConfig.Memory) > 0 && HostConfig.MemorySwap === HostConfig.Memory,
        `its memory is ${HostConfig.Memory}, with swap ${HostConfig.MemorySwap}`,
      ),
  },
  {
    id: 'cpu-limit',
    cis: '5.12',
    says: 'its CPU time is bounded',
    ...ofServices,
    problems: ({ container }) =>
      expect(Number(container.HostConfig.NanoCpus) > 0, 'its CPU time has no limit'),
  },
  {
    id: 'read-only-root',
    cis: '5.13',
    says: 'its root is read-only, and a write to it is refused',
    ...ofServices,
    problems: ({ container, inside }) => [
      ...expect(container.HostConfig.ReadonlyRootfs === true, 'its root is writable'),
      ...expect(
        /Read-only file system/.test(inside?.rootWrite ?? ''),
        `a write to / ended with "${inside?.rootWrite}"`,
      ),
    ],
  },
  {
    id: 'temporary-folder',
    says: 'what lies in its /tmp cannot be executed',
    ...ofServices,
    problems: ({ inside }) =>
      ['noexec', 'nosuid', 'nodev']
        .filter((option) => !inside?.temporary.includes(option))
        .map((option) => `/tmp is mounted without ${option}`),
  },
  {
    id: 'bound-address',
    cis: '5.14',
    says: 'what it publishes is on one address',
    ...ofAll,
    problems: (seen) =>
      published(seen)
        .filter(({ address }) => ['0.0.0.0', '::', ''].includes(address))
        .map(({ address, port }) => `it publishes ${port} on "${address}"`),
  },
  {
    id: 'restart-policy',
    // CIS would give a service up after five crashes; ours comes back, but not after it was stopped by hand.
    cis: '5.15',
    says: 'it comes back after a crash',
    ...ofServices,
    problems: ({ container, service }) => {
      const policy = service?.restart.condition ?? container.HostConfig.RestartPolicy?.Name;
      const attempts = service?.restart.maxAttempts ?? 0;
      return expect(
        ['any', 'unless-stopped'].includes(policy ?? '') && attempts === 0,
        `its restart policy is "${policy}", ${attempts || 'any number of'} times`,
      );
    },
  },
  {
    id: 'own-processes',
    cis: '5.16',
    says: 'it does not see the processes of the host',
    ...ofAll,
    problems: ({ container: { HostConfig } }) =>
      expect(HostConfig.PidMode !== 'host', 'it has the process namespace of the host'),
  },
  {
    id: 'own-ipc',
    cis: '5.17',
    says: 'it shares no memory with the host',
    ...ofAll,
    problems: ({ container: { HostConfig } }) =>
      expect(HostConfig.IpcMode !== 'host', 'it has the IPC namespace of the host'),
  },
  {
    id: 'no-devices',
    cis: '5.18',
    says: 'it has no device of the host',
    ...ofAll,
    problems: ({ container: { HostConfig } }) =>
      expect((HostConfig.Devices ?? []).length === 0, 'it has devices of the host'),
  },
  {
    id: 'process-limits',
    cis: '5.19',
    says: 'it dumps no core and opens a bounded number of files',
    ...ofServices,
    problems: ({ inside }) => {
      const core = inside?.limits['Max core file size']?.[1];
      const files = Number(inside?.limits['Max open files']?.[1]);
      return [
        ...expect(core === '0', `it may dump a core of ${core}`),
        ...expect(files > 0 && files <= 65_536, `it may open ${files} files`),
      ];
    },
  },
  {
    id: 'private-mounts',
    cis: '5.20',
    says: 'no mount of it is shared with the host',
    ...ofAll,
    problems: ({ container }) =>
      container.Mounts.filter(({ Propagation }) => /shared/.test(Propagation)).map(
        ({ Destination }) => `the mount at ${Destination} is shared`,
      ),
  },
  {
    id: 'own-name',
    cis: '5.21',
    says: 'it does not have the host’s name',
    ...ofAll,
    problems: ({ container: { HostConfig } }) =>
      expect(HostConfig.UTSMode !== 'host', 'it has the UTS namespace of the host'),
  },
  {
    id: 'seccomp',
    cis: '5.22',
    says: 'seccomp filters its system calls',
    ...ofAll,
    problems: (seen) => [
      ...(seen.container.HostConfig.SecurityOpt ?? [])
        .filter((option: string) => /seccomp[:=]unconfined/.test(option))
        .map((option: string) => `it has the option ${option}`),
      ...eachProcess(seen, ({ Name, Seccomp }) =>
        Seccomp === '2' ? undefined : `process ${Name} has seccomp mode ${Seccomp}`,
      ),
    ],
  },
  {
    id: 'own-cgroup',
    cis: '5.25',
    says: 'it is in the engine’s control group',
    ...ofAll,
    problems: ({ container: { HostConfig } }) =>
      expect((HostConfig.CgroupParent ?? '') === '', `it is in ${HostConfig.CgroupParent}`),
  },
  {
    id: 'no-new-privileges',
    cis: '5.26',
    says: 'none of its processes gains privileges',
    ...ofAll,
    problems: (seen) => [
      ...expect(
        (seen.container.HostConfig.SecurityOpt ?? []).includes('no-new-privileges'),
        'it has no option no-new-privileges',
      ),
      ...eachProcess(seen, ({ Name, NoNewPrivs }) =>
        NoNewPrivs === '1' ? undefined : `process ${Name} may gain privileges`,
      ),
    ],
  },
  {
    id: 'health-check',
    cis: '5.27',
    says: 'it tells its health, and is healthy',
    ...ofServices,
    problems: ({ container: { Config, State } }) => [
      ...expect(Config.Healthcheck?.Test?.[0] === 'CMD', 'it has no health check in exec form'),
      ...expect(State.Health?.Status === 'healthy', `it is ${State.Health?.Status}`),
    ],
  },
  {
    id: 'image-by-content',
    cis: '5.28',
    ofSupply: true,
    says: 'its image is named by content',
    ...ofAll,
    problems: ({ container: { Config } }) =>
      expect(/(^|@)sha256:[0-9a-f]{64}$/.test(Config.Image), `its image is "${Config.Image}"`),
  },
  {
    id: 'process-count',
    cis: '5.29',
    says: 'the number of its processes is bounded',
    ...ofServices,
    problems: ({ container: { HostConfig } }) =>
      expect(Number(HostConfig.PidsLimit ?? 0) > 0, 'it may start any number of processes'),
  },
  {
    id: 'no-default-bridge',
    cis: '5.30',
    says: 'it is on networks of its stack alone',
    ...ofAll,
    problems: ({ container }) =>
      expect(
        !Object.keys(container.NetworkSettings.Networks).includes('bridge'),
        'it is on the default bridge',
      ),
  },
  {
    id: 'own-users',
    cis: '5.31',
    says: 'it is in the engine’s user namespace',
    ...ofAll,
    problems: ({ container: { HostConfig } }) =>
      expect(HostConfig.UsernsMode !== 'host', 'it has the user namespace of the host'),
  },
  {
    id: 'no-engine-socket',
    cis: '5.32',
    says: 'it cannot reach the engine',
    ...ofAll,
    problems: ({ container }) =>
      container.Mounts.filter(({ Source }) => /docker\.sock$/.test(Source ?? '')).map(
        ({ Destination }) => `the engine's socket is at ${Destination}`,
      ),
  },
  {
    id: 'init',
    says: 'an init reaps its orphaned processes',
    ...ofServices,
    problems: ({ container, inside }) => {
      const first = inside?.processes.find(({ Pid }) => Pid === '1')?.Name;
      return [
        ...expect(container.HostConfig.Init === true, 'it has no init'),
        ...expect(/^(docker-init|tini)$/.test(first ?? ''), `process 1 is ${first}`),
      ];
    },
  },
  {
    id: 'log-rotation',
    says: 'its log cannot fill the disk',
    ...ofAll,
    problems: ({ container }) => {
      const { Type, Config } = container.HostConfig.LogConfig ?? { Type: '', Config: {} };
      return expect(
        Type === 'json-file' && Boolean(Config['max-size'] && Config['max-file']),
        `its log goes to ${Type} with ${JSON.stringify(Config)}`,
      );
    },
  },
  {
    id: 'dead-peers',
    says: 'it gives up a connection whose peer is gone',
    ...ofServices,
    problems: ({ container }) => {
      const repetitions = Number(container.HostConfig.Sysctls?.['net.ipv4.tcp_retries2']);
      return expect(repetitions >= 3 && repetitions <= 8, `tcp_retries2 is ${repetitions}`);
    },
  },
  {
    id: 'secret-files',
    says: 'only its user reads its secret files',
    ...ofServices,
    problems: ({ container, inside }) =>
      (inside?.secrets ?? [])
        .filter(({ mode, uid }) => mode !== '400' || uid !== container.Config.User.split(':')[0])
        .map(({ path, mode, uid }) => `${path} has mode ${mode} and owner ${uid}`),
  },
];
