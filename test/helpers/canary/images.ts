/** Images of a stack and file systems of its containers. */
import type { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { orMissing } from '../../../local/engine-error.ts';
import { ownImages } from '../../../scripts/sbom/own-images.ts';
import { docker } from '../stack.ts';
import { containersOf, filesInside, whileRunning } from './containers.ts';
import type { Scope } from './scope.ts';
import type { Sample, Surface } from './search.ts';

/** The history of each image, and the layers of all: what they share, such as the base, once. */
export async function* images({ stack }: Scope): AsyncGenerator<Sample> {
  const own = await ownImages(docker, stack);
  for (const { name, id } of own)
    yield {
      surface: 'images',
      where: `history of image ${name}`,
      content: JSON.stringify(await docker.getImage(id).history()),
    };
  if (own.length > 0) yield* entriesOf('images', 'image archive', await saved(own));
}

/** `docker save` of several images, which dockerode has for one only. */
function saved(images: readonly { id: string }[]): Promise<Readable> {
  const names = images.map(({ id }) => `names=${encodeURIComponent(id)}`).join('&');
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      {
        path: `/images/get?${names}`,
        method: 'GET',
        isStream: true,
        statusCodes: { 200: true, 404: 'no such image', 500: 'server error' },
      },
      (error, stream) => (error ? reject(error) : resolve(stream as Readable)),
    );
  });
}

async function* entriesOf(
  surface: Surface,
  archive: string,
  stream: Readable,
): AsyncGenerator<Sample> {
  const entries = extract();
  stream.on('error', (error) => entries.destroy(error)).pipe(entries);
  for await (const entry of entries) {
    const { name, linkname } = entry.header;
    yield { surface, where: `${archive}: ${name}`, content: entry as AsyncIterable<Buffer> };
    if (linkname) yield { surface, where: `${archive}: link ${name}`, content: linkname };
  }
}

/** Mounted over the image: a container's own memory, of which an export shows nothing. */
const MEMORY = ['/run', '/tmp', '/dev/shm', '/var/lib/lakehouse', '/config', '/data'];

/**
 * What containers have changed of their images, the whole of each that changed anything, and what is mounted over that.
 * One that changed nothing is its image, which is searched as such.
 */
export async function* filesystems({ stack }: Scope): AsyncGenerator<Sample> {
  for (const { id, name } of await containersOf(stack)) {
    const container = docker.getContainer(id);
    const changes = (await orMissing(container.changes())) as { Path: string }[] | null | undefined;
    const paths = (changes ?? []).map(({ Path }) => Path);
    const where = `container ${name}`;
    yield { surface: 'filesystems', where: `changes of ${where}`, content: paths.join('\n') };
    if (paths.some((path) => !isForMounts(path)))
      yield* entriesOf('filesystems', where, (await container.export()) as Readable);
  }
  yield* inMemory({ stack });
}

/** Where the engine mounts something: it makes empty files and folders there. */
const MOUNTS = ['/usr/sbin/docker-init', '/sbin/docker-init', '/run/secrets'];
MOUNTS.push('/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/etc/mtab', '/dev/console');
MOUNTS.push('/var/lib/lakehouse/token', '/tmp', '/config', '/data');

const isForMounts = (path: string) =>
  path.startsWith('/run/secrets/') ||
  MOUNTS.some((mount) => mount === path || mount.startsWith(`${path}/`));

/** The files of all that run that are in volumes and in memory. */
export async function* inMemory({ stack }: Pick<Scope, 'stack'>): AsyncGenerator<Sample> {
  for (const container of await containersOf(stack)) {
    if (!container.running) continue;
    const files = await whileRunning(container, () =>
      filesInside(container.id, [...MEMORY, '-type', 'f']),
    );
    for (const { path, content } of files)
      yield { surface: 'filesystems', where: `container ${container.name}: ${path}`, content };
  }
}
