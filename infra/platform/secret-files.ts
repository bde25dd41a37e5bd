/**
 * Secret files for plain containers: a volume, filled by short-lived containers and mounted read-only by the
 * service. Uploads into the service itself are impossible, since its root is read-only (moby refuses them).
 */
import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { LOGGING } from './hardening.ts';
import type { User } from './platform.ts';

const FOLDER = '/run/secrets';
/** Beside its place until it is whole and belongs to the service. */
const UNPLACED = '.next';
/** Arguments: the owner, then the files. A rename, so that a running service finds the old file or the new one. */
const PLACE = `cd ${FOLDER}; chown 0:0 .; for file; do chown "$0" "$file${UNPLACED}"; mv -f "$file${UNPLACED}" "$file"; done`;
/** Services look for changes several times a second: when this is over, a changed file is in use. */
const TAKE_UP = 'sleep 1';

type Files = Readonly<Record<string, pulumi.Output<string>>>;
type Labels = { label: string; value: pulumi.Input<string> }[];
type Volumes = { volumeName: pulumi.Input<string>; containerPath: string; readOnly: boolean }[];

export interface SecretFilesSpec {
  readonly component: string;
  /** Any image with `sh`, `chown` and `mv`; the service's own, so that nothing else need be there. */
  readonly image: pulumi.Input<string>;
  readonly user: User;
  /** Read once: a changed one starts the service anew. */
  readonly files: Files;
  /** Read again by the service: a changed one takes the old one's place while the service runs. */
  readonly liveFiles: Files;
  readonly parent: pulumi.Resource;
  /** Full name on the engine. */
  engineName(name: string): string;
  labels(name: string): { label: string; value: string }[];
}

/** What the service must mount, be labelled with and wait for to have the files. */
export function secretFiles(spec: SecretFilesSpec): {
  volumes: Volumes;
  labels: Labels;
  after: pulumi.Resource[];
} {
  const { component, files, liveFiles, parent } = spec;
  const has = (some: Files) => Object.keys(some).length > 0;
  if (!has(files) && !has(liveFiles)) return { volumes: [], labels: [], after: [] };
  const name = `${component}-secrets`;
  const volume = new docker.Volume(
    name,
    { name: spec.engineName(name), driver: 'local', labels: spec.labels(name) },
    { parent },
  );
  const mount = { volumeName: volume.name, containerPath: FOLDER };
  const fixed = has(files) ? [filler(spec, name, files, mount, PLACE)] : [];
  const live = has(liveFiles)
    ? [filler(spec, `${component}-live-secrets`, liveFiles, mount, `${PLACE}; ${TAKE_UP}`)]
    : [];
  return {
    volumes: [{ ...mount, readOnly: true }],
    // A changed secret makes a new filler; its id makes the service follow.
    labels: fixed.map(({ id }) => ({ label: 'lakehouse.secrets', value: id })),
    // Only waited for: neither engine replaces a container because of what it waits for.
    after: live,
  };
}

function filler(
  { image, user, parent, ...spec }: SecretFilesSpec,
  name: string,
  files: Files,
  mount: { volumeName: pulumi.Input<string>; containerPath: string },
  script: string,
): docker.Container {
  return new docker.Container(
    name,
    {
      name: spec.engineName(name),
      image,
      entrypoints: ['sh', '-euc', script, `${user.uid}:${user.gid}`],
      command: Object.keys(files),
      user: '0:0',
      // Changing owners is all it may do, and it talks to no one.
      capabilities: { drops: ['ALL'], adds: ['CAP_CHOWN'] },
      securityOpts: ['no-new-privileges'],
      networkMode: 'none',
      memory: 64,
      memorySwap: 64,
      ...LOGGING,
      volumes: [mount],
      uploads: Object.entries(files).map(([file, content]) => ({
        file: `${FOLDER}/${file}${UNPLACED}`,
        content: pulumi.secret(content),
        permissions: '0400',
      })),
      labels: spec.labels(name),
      mustRun: false,
      attach: true,
    },
    { parent, deleteBeforeReplace: true, replaceOnChanges: ['*'] },
  );
}
