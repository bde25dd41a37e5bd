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
 * What is in the containers: the whole of one that runs for each image, and the changes of all; what changed nothing
 * is its image, which is searched as such. And what is mounted over that.
 */
export async function* filesystems({ stack }: Scope): AsyncGenerator<Sample> {
  const all = await containersOf(stack);
  const exported = new Set<string>();
  for (const container of all) {
    const { id, name, image, running } = container;
    const changed = await orMissing(docker.getContainer(id).changes());
    if (changed === undefined) continue;
    const changes = (changed ?? []) as { Path: string }[];
    const where = `container ${name}`;
    yield { surface: 'filesystems', where: `changes of ${where}`, content: pathsOf(changes) };
    const first = running && !exported.has(image);
    if (first) exported.add(image);
    if (first || changes.some(({ Path }) => !isMountPoint(Path)))
      yield* entriesOf('filesystems', where, (await docker.getContainer(id).export()) as Readable);
  }
  yield* inMemory({ stack });
}

const pathsOf = (changes: readonly { Path: string }[]) =>
  changes.map(({ Path }) => Path).join('\n');

/** The engine makes these for its mounts. */
const isMountPoint = (path: string) =>
  /^\/(run(\/secrets(\/[^/]+)?)?|dev(\/.*)?|etc(\/(hosts|hostname|resolv\.conf|mtab))?|proc|sys|sbin|sbin\/docker-init)$/.test(
    path,
  );

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
