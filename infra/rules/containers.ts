/** What everything that runs must keep. Sources: CIS Docker Benchmark 1.6.0, section 5; OWASP Docker cheat sheet. */
import { everyContainer } from './confinement.ts';
import { isBind } from './mounts.ts';
import type { Rule } from './rule.ts';

export const containerRules: readonly Rule[] = [
  everyContainer(
    { id: 'capabilities', says: 'A container has no Linux capability.' },
    ({ drops, adds, brief, settings }) => {
      // What fills a volume gives the files to their owner.
      const extra = adds.filter((name) => !(brief && name === 'CAP_CHOWN'));
      return [
        ...(drops.includes('ALL')
          ? []
          : [`it keeps default capabilities; set ${settings.drops} to ["ALL"]`]),
        ...(extra.length === 0
          ? []
          : [`it adds the capabilities ${extra.join(', ')}; remove them from ${settings.adds}`]),
      ];
    },
  ),
  everyContainer(
    { id: 'no-new-privileges', says: 'No process of a container gains privileges.' },
    ({ securityOptions, settings }) =>
      securityOptions.some((option) => /^no-new-privileges([:=]true)?$/.test(option))
        ? []
        : [
            `its processes may gain privileges; add "no-new-privileges" to ${settings.securityOptions}`,
          ],
  ),
  everyContainer(
    {
      id: 'default-profiles',
      says: 'A container keeps the engine’s seccomp and AppArmor profiles.',
    },
    ({ securityOptions, settings }) =>
      securityOptions
        .filter((option) => /unconfined|disable/.test(option))
        .map(
          (option) =>
            `it runs without a profile; remove "${option}" from ${settings.securityOptions}`,
        ),
  ),
  everyContainer(
    {
      id: 'not-privileged',
      says: 'A container has no privileges, namespaces or devices of the host.',
    },
    ({ ofTheHost }) => ofTheHost,
  ),
  everyContainer(
    { id: 'no-host-folders', says: 'A container sees no file of the host.' },
    ({ mounts }) =>
      mounts
        .filter(({ kind, driverOptions }) => kind === 'bind' || isBind(driverOptions))
        .map(({ source }) => `it mounts the host's ${source || 'files'}; use a volume`),
  ),
  everyContainer(
    { id: 'memory-limit', says: 'The memory of a container is bounded.' },
    ({ memory, settings }) =>
      memory > 0 ? [] : [`its memory is not bounded; set ${settings.memory}`],
  ),
  everyContainer(
    { id: 'no-swap', says: 'The memory of a container is never swapped to disk.' },
    ({ memory, memoryAndSwap, settings }) =>
      memory === 0 || memoryAndSwap === memory
        ? []
        : [
            `its memory may be swapped to disk; set ${settings.swap} to the same as ${settings.memory}`,
          ],
  ),
  everyContainer(
    { id: 'log-rotation', says: 'The log of a container cannot fill the disk.' },
    ({ log, settings }) =>
      log.size && log.files
        ? []
        : [`its log may fill the disk; set max-size and max-file in ${settings.log}`],
  ),
  everyContainer(
    { id: 'numeric-user', says: 'A container runs as a numeric user that is not root.' },
    ({ user, brief, settings }) => {
      if (!/^\d+:\d+$/.test(user))
        return [`its user is not numeric; set ${settings.user} to "<uid>:<gid>"`];
      return user.startsWith('0:') && !brief
        ? [`it runs as root; set ${settings.user} to a user of its own`]
        : [];
    },
  ),
  everyContainer(
    { id: 'own-network', says: 'A container is on networks of the stack, or on none.' },
    ({ networks, settings }) =>
      networks > 0
        ? []
        : [`it lands on the engine's default network; name its networks in ${settings.networks}`],
  ),
  everyContainer(
    { id: 'secret-files', says: 'Only the user of a service reads its secret files.' },
    ({ secretFiles, user, settings }) =>
      secretFiles.flatMap(({ name, mode, owner }) => [
        ...(mode === 0o400
          ? []
          : [`others may read the secret file ${name}; set its ${settings.secretMode}`]),
        ...(owner === undefined || owner === user.split(':')[0]
          ? []
          : [
              `the secret file ${name} belongs to user ${owner}; set its ${settings.secretOwner} to the service's user`,
            ]),
      ]),
  ),
];
