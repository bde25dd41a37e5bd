/** What a plain container must have. Sources: CIS Docker Benchmark 1.6.0, section 5; OWASP Docker cheat sheet. */
import { CONTAINER, list, type Rule, type RuledResource, record } from './rule.ts';

const types = [CONTAINER];

/** A short-lived container that ends by itself: it fills a volume and is gone. */
const endsByItself = ({ inputs }: RuledResource) => inputs.mustRun === false;

const rule = (id: string, check: Rule['check']): Rule => ({ id, types, check });

export const containerRules: readonly Rule[] = [
  rule('image-by-content', ({ inputs }) =>
    /(^|@)sha256:[0-9a-f]{64}$/.test(String(inputs.image))
      ? []
      : [
          'its image is named by a tag; name it by content (image.repoDigest), so that a change is seen',
        ],
  ),
  rule('capabilities', (resource) => {
    const { drops, adds } = record(resource.inputs.capabilities);
    const allowed = endsByItself(resource) ? ['CAP_CHOWN'] : [];
    const extra = list(adds).filter((name) => !allowed.includes(String(name)));
    return [
      ...(list(drops).includes('ALL')
        ? []
        : ['it keeps default capabilities; set capabilities.drops to ["ALL"]']),
      ...(extra.length === 0 ? [] : [`it adds the capabilities ${extra.join(', ')}; add none`]),
    ];
  }),
  rule('no-new-privileges', ({ inputs }) =>
    list(inputs.securityOpts).includes('no-new-privileges')
      ? []
      : ['its processes may gain privileges; add "no-new-privileges" to securityOpts'],
  ),
  rule('not-privileged', ({ inputs }) => [
    ...(inputs.privileged === true ? ['it is privileged; remove privileged'] : []),
    ...['networkMode', 'pidMode', 'ipcMode', 'usernsMode']
      .filter((mode) => inputs[mode] === 'host')
      .map((mode) => `${mode} is "host"; a container has namespaces of its own`),
    ...(list(inputs.devices).length > 0 ? ['it has devices of the host; remove devices'] : []),
  ]),
  rule('no-host-folders', ({ inputs }) => [
    ...list(inputs.volumes)
      .map((volume) => record(volume).hostPath)
      .filter((path) => path !== undefined)
      .map((path) => `it mounts the host's ${String(path)}; use a volume`),
    ...(list(inputs.mounts).some((mount) => record(mount).type === 'bind')
      ? ['it has a bind mount; use a volume']
      : []),
  ]),
  rule('memory-and-swap', ({ inputs }) =>
    Number(inputs.memory) > 0 && inputs.memory === inputs.memorySwap
      ? []
      : ['its memory is not bounded; set memory, and memorySwap to the same'],
  ),
  rule('log-rotation', ({ inputs }) => {
    const options = record(inputs.logOpts);
    return options['max-size'] && options['max-file']
      ? []
      : ['its log may fill the disk; set logOpts max-size and max-file'];
  }),
  rule('numeric-user', (resource) => {
    const user = String(resource.inputs.user ?? '');
    if (!/^\d+:\d+$/.test(user)) return ['its user is not numeric; set user to "<uid>:<gid>"'];
    return user.startsWith('0:') && !endsByItself(resource)
      ? ['it runs as root; use a user of its own']
      : [];
  }),
  rule('no-secrets-in-environment', ({ inputs }) =>
    list(inputs.envs)
      .map((entry) => String(entry).split('=')[0] ?? '')
      // What is counted per key is no key.
      .filter((name) => /(?<!_PER_)(TOKEN|SECRET|PASSWORD|KEY|CREDENTIAL)S?$/i.test(name))
      .map(
        (name) => `the environment variable ${name} carries a secret; use a file and ${name}_FILE`,
      ),
  ),
];

/** What only a service must have: something that stays up and can be reached. */
export const serviceRules: readonly Rule[] = [
  rule('read-only-root', ({ inputs }) =>
    inputs.readOnly === true
      ? []
      : ['its root is writable; set readOnly to true and give it a tmpfs'],
  ),
  rule('health-check', ({ inputs }) =>
    list(record(inputs.healthcheck).tests)[0] === 'CMD'
      ? []
      : ['it has no health check in exec form; set healthcheck.tests to ["CMD", …]'],
  ),
  rule('init', ({ inputs }) =>
    inputs.init === true ? [] : ['nothing reaps its orphaned processes; set init to true'],
  ),
  rule('restart-policy', ({ inputs }) =>
    inputs.restart === 'unless-stopped'
      ? []
      : ['it stays down after a crash; set restart to "unless-stopped"'],
  ),
  rule('dead-peers', ({ inputs }) => {
    const repetitions = Number(record(inputs.sysctls)['net.ipv4.tcp_retries2']);
    return repetitions >= 3 && repetitions <= 8
      ? []
      : [
          'it keeps connections of vanished peers for many minutes; set sysctls net.ipv4.tcp_retries2 to 6',
        ];
  }),
  rule('loopback-only', ({ inputs }) =>
    list(inputs.ports)
      .map(record)
      .filter(({ ip }) => ip !== '127.0.0.1')
      .map(
        ({ external, ip }) =>
          `port ${String(external)} is published on ${String(ip ?? '0.0.0.0')}; publish it on 127.0.0.1`,
      ),
  ),
].map(({ check, ...rest }) => ({
  ...rest,
  check: (resource, context) => (endsByItself(resource) ? [] : check(resource, context)),
}));
