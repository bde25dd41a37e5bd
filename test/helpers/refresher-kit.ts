/** What the tests of the refresher's container share: its image, built from this checkout, and its secrets. */
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { DEMO_USER } from '../../images/demo-dremio/src/index.ts';
import { readBuildContext } from '../../local/resources/build-context.ts';
import { buildImage } from '../../local/resources/image-build.ts';
import { baseImageOnEngine } from './base-image.ts';
import { repository } from './lakehouse-command.ts';
import { SECRETS, testName, USER } from './refresher-container.ts';
import { docker } from './stack.ts';

/** Name of a base image on the engine; `undefined` where `npm run up` never ran. */
export const nodeImage = await baseImageOnEngine(docker);

/** What a suite that needs the image says when it skips; `false` when it need not. */
export const skipWithoutBaseImage =
  nodeImage === undefined && 'SKIPPED: there is no base image on the engine; run "npm run up" once';

export interface RefresherKit {
  readonly image: string;
  /** Volume with the password of the demo's user. */
  readonly secrets: string;
  remove(): Promise<void>;
}

/** Makes both; steps of the build that a deployment has run before come from the engine's cache. */
export async function makeRefresherKit(): Promise<RefresherKit> {
  if (nodeImage === undefined) throw new Error('there is no base image on the engine');
  const dockerfile = join(repository, 'images/refresher/Dockerfile');
  const context = await readBuildContext(repository, dockerfile);
  const name = testName();
  const tag = `lakehouse-mcp/refresher:${name}`;
  const image = await buildImage(
    docker,
    tag,
    { args: { NODE_IMAGE: nodeImage } },
    context,
    () => {},
  );
  const secrets = `${name}-secrets`;
  const remove = async () => {
    await docker
      .getVolume(secrets)
      .remove()
      .catch(() => undefined);
    await docker.getImage(tag).remove({ force: true });
  };
  try {
    await fillSecrets(image, secrets, DEMO_USER.password);
  } catch (error) {
    await remove();
    throw error;
  }
  return { image, secrets, remove };
}

/** Puts a password into a volume, for the refresher's user alone, as `infra/platform/secret-files.ts` does. */
async function fillSecrets(image: string, volume: string, password: string): Promise<void> {
  await docker.createVolume({ Name: volume, Driver: 'local' });
  const filler = await docker.createContainer({
    name: `${volume}-filler`,
    Image: image,
    User: '0:0',
    Entrypoint: ['chown', '-R', `${USER.uid}:${USER.gid}`, SECRETS],
    HostConfig: { NetworkMode: 'none', Binds: [`${volume}:${SECRETS}`] },
  });
  try {
    const archive = pack();
    archive.entry({ name: 'dremio-password', mode: 0o400 }, `${password}\n`);
    archive.finalize();
    await filler.putArchive(archive as unknown as NodeJS.ReadableStream, { path: SECRETS });
    await filler.start();
    const { StatusCode } = (await filler.wait()) as { StatusCode: number };
    if (StatusCode !== 0) throw new Error(`the filler of ${volume} ended with ${StatusCode}`);
  } finally {
    await filler.remove({ force: true });
  }
}
