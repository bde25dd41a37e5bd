/**
 * Everything that a platform or a third-party image cannot express, and what supplies it instead. This is the one list
 * of such things: the rules do not judge what stands here, the test of running containers does not ask for it, and
 * docs/security.md is written from it. It may only get shorter (test/unit/infra-rules-exceptions.test.ts).
 */
import { CONTAINER, SERVICE } from './rule.ts';

export type PlatformName = 'containers' | 'swarm';

export interface Exception {
  /** Id of a rule (infra/rules) or of a check of running containers (test/helpers/hardening-table.ts). */
  readonly rule: string;
  readonly platform: PlatformName;
  /** The only component that it is for; all of the stack when left out. */
  readonly component?: string;
  readonly why: string;
  /** The setting, command or property of the stack that stands in for it. */
  readonly instead: string;
}

const NO_PROCESS_LIMIT =
  'the docker provider has no PIDs limit, and a limit by user id (nproc) counts all processes of the machine';

export const exceptions: readonly Exception[] = [
  {
    rule: 'no-new-privileges',
    platform: 'swarm',
    why: 'the docker provider has no such input for services',
    instead:
      '"no-new-privileges": true in daemon.json; without it nothing can be gained either, since our images have no ' +
      'setuid file and every capability is dropped',
  },
  {
    rule: 'no-swap',
    platform: 'swarm',
    why: 'Swarm bounds memory without swap, so that a task may swap as much again',
    instead: 'nodes without swap (swapoff -a, and no swap in /etc/fstab), or with encrypted swap',
  },
  {
    rule: 'process-limits',
    platform: 'swarm',
    why: 'the docker provider has no ulimits for services',
    instead:
      '"default-ulimits" in daemon.json: {"core": {"Name": "core", "Hard": 0, "Soft": 0}, ' +
      '"nofile": {"Name": "nofile", "Hard": 16384, "Soft": 16384}}',
  },
  {
    rule: 'process-count',
    platform: 'swarm',
    why: NO_PROCESS_LIMIT,
    instead: 'docker service update --limit-pids 256 <service>, again after each update by Pulumi',
  },
  {
    rule: 'process-count',
    platform: 'containers',
    why: NO_PROCESS_LIMIT,
    instead: 'docker update --pids-limit 256 <container>, again after each replacement',
  },
  {
    rule: 'bound-address',
    platform: 'swarm',
    component: 'edge',
    why: 'Swarm publishes on every address of the node',
    instead: 'a firewall that admits others to 443 and 80 on the outer address alone',
  },
  {
    rule: 'unprivileged-ports',
    platform: 'swarm',
    component: 'edge',
    why: 'HTTPS and HTTP are reached on 443 and 80',
    instead: 'inside it listens on 8443 and 8080 as a user without capabilities',
  },
];

/** Whether a rule or check is not asked of a component on a platform. */
export const isExcepted = (
  rule: string,
  platform: PlatformName,
  component: string | undefined,
): boolean =>
  exceptions.some(
    (exception) =>
      exception.rule === rule &&
      exception.platform === platform &&
      (exception.component === undefined || exception.component === component),
  );

/** The platform that a resource belongs to, where it belongs to one. */
export const platformOf = (type: string): PlatformName | undefined =>
  type === SERVICE ? 'swarm' : type === CONTAINER ? 'containers' : undefined;
