/** What every container of ours gets, whatever it does. Sources: CIS Docker Benchmark 1.6.0, section 5. */
import type { MemoryVolumeSpec } from './platform.ts';

/** 10 MB in three files, so that a chatty service cannot fill the disk. */
export const LOGGING = {
  logDriver: 'json-file',
  logOpts: { 'max-size': '10m', 'max-file': '3' },
};

/** Everything that can be taken away: writing to the image's files, capabilities, gaining privileges. */
export const CONFINEMENT = {
  readOnly: true,
  capabilities: { drops: ['ALL'] },
  securityOpts: ['no-new-privileges'],
};

/** The writable /tmp of a read-only container. */
export const temporaryFolder = (sizeMiB: number) => ({
  '/tmp': `rw,noexec,nosuid,nodev,size=${sizeMiB}m,mode=1777`,
});

/**
 * No core dumps, bounded descriptors. Nothing bounds processes: the provider has no PIDs limit, and `nproc` counts all
 * processes of a user id on the machine (setrlimit(2)), so that one stack would starve another.
 */
export const ulimits = (descriptors: number) => [
  { name: 'core', soft: 0, hard: 0 },
  { name: 'nofile', soft: descriptors, hard: descriptors },
];

/**
 * A peer that is gone without a word is given up in less than 45 s; the kernel's own values take more than two hours
 * and 15 min. Idle: 25 s + 4 × 5 s, where a socket does not say otherwise (Node's do). With data on the way: 6
 * repetitions, which is 25 s at the shortest time between two (ip-sysctl.rst, `tcp_retries2`).
 */
export const SYSCTLS = {
  'net.ipv4.tcp_keepalive_time': '25',
  'net.ipv4.tcp_keepalive_intvl': '5',
  'net.ipv4.tcp_keepalive_probes': '4',
  'net.ipv4.tcp_retries2': '6',
};

/** Driver options of a local volume that lives in memory. */
export const memoryFolder = ({ sizeKiB, uid, gid, mode }: MemoryVolumeSpec) => ({
  type: 'tmpfs',
  device: 'tmpfs',
  o: `size=${sizeKiB}k,uid=${uid},gid=${gid},mode=${mode.toString(8)}`,
});
