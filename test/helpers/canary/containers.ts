/** The containers of a stack, and what can be read inside them. */
import { setTimeout as delay } from 'node:timers/promises';
import { docker, executeForBytes } from '../stack.ts';

export interface Container {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly component: string;
  readonly running: boolean;
}

/** All of them, tasks of Swarm and those that ended among them. */
export async function containersOf(stack: string): Promise<readonly Container[]> {
  const filters = { label: [`lakehouse.stack=${stack}`] };
  const listed = await docker.listContainers({ all: true, filters });
  return listed.map(({ Id, Names, ImageID, Labels, State }) => ({
    id: Id,
    name: (Names[0] ?? Id).replace(/^\//, ''),
    image: ImageID,
    component: Labels['lakehouse.component'] ?? '',
    running: State === 'running',
  }));
}

export interface FileInside {
  readonly path: string;
  readonly content: Buffer;
}

const MARK = '--8<-- file';
/** Plain sh, find and cat, which every image has. What cannot be read, or is gone by then, says nothing. */
const READ = `find "$@" 2>/dev/null | while IFS= read -r file
do printf '\\n%s %s\\n' "$0" "$file"; cat "$file" 2>/dev/null
done; true`;

/**
 * Files inside a running container, as its own user reads them.
 * @param search what `find` is given: folders, then tests
 */
export async function filesInside(
  container: string,
  search: readonly string[],
): Promise<readonly FileInside[]> {
  const output = await executeForBytes(container, ['sh', '-c', READ, MARK, ...search]);
  // One byte, one character: contents are not text.
  return output
    .toString('latin1')
    .split(`\n${MARK} `)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      const path = Buffer.from(part.slice(0, end), 'latin1').toString('utf8');
      return { path, content: Buffer.from(part.slice(end + 1), 'latin1') };
    });
}

/** Does it, unless the container ends meanwhile, as tasks of a service may at any time. */
export async function whileRunning<T>(
  { id }: Container,
  look: () => Promise<readonly T[]>,
): Promise<readonly T[]> {
  try {
    return await look();
  } catch (error) {
    await delay(100);
    const { State } = await docker.getContainer(id).inspect();
    if (State.Running) throw error;
    return [];
  }
}
