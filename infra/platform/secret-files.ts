/**
 * Secret files for plain containers: a volume, filled by a short-lived container and mounted read-only by the
 * service. Uploads into the service itself are impossible, since its root is read-only (moby refuses them).
 */
import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { LOGGING } from './hardening.ts';
import type { User } from './platform.ts';

const FOLDER = '/run/secrets';

export interface SecretFilesSpec {
  readonly component: string;
  readonly containerName: string;
  readonly volumeName: string;
  /** Any image with `chown`; the service's own, so that nothing else need be there. */
  readonly image: pulumi.Input<string>;
  readonly user: User;
  readonly files: Readonly<Record<string, pulumi.Output<string>>>;
  readonly labels: { label: string; value: string }[];
  readonly parent: pulumi.Resource;
}

type Labels = { label: string; value: pulumi.Input<string> }[];
type Volumes = { volumeName: pulumi.Input<string>; containerPath: string; readOnly: boolean }[];

/** What the service must mount and be labelled with to have the files. */
export function secretFiles(spec: SecretFilesSpec): { volumes: Volumes; labels: Labels } {
  const { component, files, parent, user } = spec;
  if (Object.keys(files).length === 0) return { volumes: [], labels: [] };
  const volume = new docker.Volume(
    `${component}-secrets`,
    { name: spec.volumeName, driver: 'local', labels: spec.labels },
    { parent },
  );
  const mount = { volumeName: volume.name, containerPath: FOLDER };
  const filler = new docker.Container(
    `${component}-secrets`,
    {
      name: spec.containerName,
      image: spec.image,
      entrypoints: ['chown'],
      command: ['-R', `${user.uid}:${user.gid}`, FOLDER],
      user: '0:0',
      // Changing owners is all it may do, and it talks to no one.
      capabilities: { drops: ['ALL'], adds: ['CAP_CHOWN'] },
      securityOpts: ['no-new-privileges'],
      networkMode: 'none',
      memory: 64,
      memorySwap: 64,
      ...LOGGING,
      volumes: [mount],
      uploads: Object.entries(files).map(([name, content]) => ({
        file: `${FOLDER}/${name}`,
        content: pulumi.secret(content),
        permissions: '0400',
      })),
      labels: spec.labels,
      mustRun: false,
      attach: true,
    },
    { parent, deleteBeforeReplace: true, replaceOnChanges: ['*'] },
  );
  return {
    volumes: [{ ...mount, readOnly: true }],
    // A changed secret makes a new filler; its id makes the service follow.
    labels: [{ label: 'lakehouse.secrets', value: filler.id }],
  };
}
