/** Memory of the refresher's container at rest, and after its operations port was asked thousands of times. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { DEMO_USER, start } from '../../images/demo-dremio/src/index.ts';
import { baseImageOnEngine } from '../../test/helpers/base-image.ts';
import { makeWorkplace } from '../../test/helpers/refresher-process.ts';
import { freePort } from '../../test/helpers/stack.ts';
import { type Measure, MIB, residentBytes } from '../measure.ts';

const REST_MS = 20_000;
const REQUESTS = 3_000;
const LIMIT_MIB = 80;
const PATHS = ['/readyz', '/livez', '/metrics', '/status'];

export async function container(): Promise<Measure[]> {
  const engine = new Docker();
  const base = await baseImageOnEngine(engine).catch(() => undefined);
  if (base === undefined) {
    console.log('container: not measured, no base image on a Docker engine; npm run up brings one');
    return [];
  }
  const docker = async (...args: string[]) =>
    (await promisify(execFile)('docker', args, { cwd: new URL('../..', import.meta.url) })).stdout;
  const name = `bench-refresher-${randomBytes(3).toString('hex')}`;
  const file = 'images/refresher/Dockerfile';
  await docker('build', '-q', '-t', name, '-f', file, '--build-arg', `NODE_IMAGE=${base}`, '.');
  const demo = await start({ data: false });
  const place = await makeWorkplace(DEMO_USER.password);
  // The container's user is not ours, and this password opens nothing.
  await chmod(place.passwordFile, 0o444);
  const port = await freePort();
  const settings = {
    DREMIO_URL: demo.url,
    DREMIO_USERNAME: DEMO_USER.userName,
    DREMIO_PASSWORD_FILE: '/run/secrets/password',
    OPERATIONS_PORT: `${port}`,
  };
  try {
    await docker(
      ...['run', '--detach', '--name', name, '--network', 'host', '--read-only'],
      ...['--no-healthcheck', '--tmpfs', '/var/lib/lakehouse/token:uid=10001'],
      ...['--volume', `${place.passwordFile}:/run/secrets/password:ro`],
      ...Object.entries(settings).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      name,
    );
    const { State } = await engine.getContainer(name).inspect();
    await delay(REST_MS);
    const rest = residentBytes(State.Pid);
    for (let request = 0; request < REQUESTS; request++)
      await (await fetch(`http://127.0.0.1:${port}${PATHS[request % PATHS.length]}`)).text();
    const asked = residentBytes(State.Pid);
    return [
      { what: 'container at rest', value: rest / MIB, unit: 'MiB', limit: LIMIT_MIB },
      {
        what: `container after ${REQUESTS} requests to its operations port`,
        value: asked / MIB,
        unit: 'MiB',
        limit: LIMIT_MIB,
      },
    ];
  } finally {
    await docker('rm', '--force', name).catch(() => {});
    await docker('rmi', name).catch(() => {});
    await demo.close();
    await place.remove();
  }
}
