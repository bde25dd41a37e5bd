/** What only a service must keep: something that stays up and can be reached. Sources as for containers.ts. */
import { everyService } from './confinement.ts';
import type { Rule } from './rule.ts';

export const serviceRules: readonly Rule[] = [
  everyService(
    { id: 'read-only-root', says: 'The files of a service’s image cannot be written.' },
    ({ readOnlyRoot, settings }) =>
      readOnlyRoot
        ? []
        : [`its root is writable; set ${settings.readOnly} to true and give it a /tmp in memory`],
  ),
  everyService(
    { id: 'health-check', says: 'A service tells its health, without a shell.' },
    ({ tests, settings }) =>
      tests[0] === 'CMD'
        ? []
        : [`it has no health check in exec form; set ${settings.tests} to ["CMD", …]`],
  ),
  everyService(
    { id: 'init', says: 'A service has an init that reaps orphaned processes.' },
    ({ init, settings }) =>
      init ? [] : [`nothing reaps its orphaned processes; set ${settings.init} to true`],
  ),
  everyService(
    { id: 'restart-policy', says: 'A service comes back after every crash.' },
    ({ restarts, settings }) =>
      restarts ? [] : [`it stays down after a crash; set ${settings.restart}`],
  ),
  everyService(
    { id: 'cpu-limit', says: 'The CPU time of a service is bounded.' },
    ({ cpus, settings }) => (cpus > 0 ? [] : [`it may take every CPU; set ${settings.cpus}`]),
  ),
  everyService(
    {
      id: 'process-limits',
      says: 'A process of a service dumps no core and opens a bounded number of files.',
    },
    ({ ulimits, settings }) =>
      ['core', 'nofile']
        .filter((name) => !ulimits.includes(name))
        .map((name) => `its processes have no limit "${name}"; set it in ${settings.ulimits}`),
  ),
  everyService(
    { id: 'dead-peers', says: 'A service gives up a connection whose peer is gone.' },
    ({ sysctls, settings }) => {
      const repetitions = Number(sysctls['net.ipv4.tcp_retries2']);
      return repetitions >= 3 && repetitions <= 8
        ? []
        : [
            `it keeps connections of vanished peers for many minutes; set net.ipv4.tcp_retries2 to 6 in ${settings.sysctls}`,
          ];
    },
  ),
];
