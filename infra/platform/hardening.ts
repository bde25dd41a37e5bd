/** What every container of ours gets, whatever it does. Sources: CIS Docker Benchmark 1.6.0, section 5. */

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
export const ULIMITS = [
  { name: 'core', soft: 0, hard: 0 },
  { name: 'nofile', soft: 4096, hard: 4096 },
];
