import { statfs } from 'node:fs/promises';
import type Docker from 'dockerode';
import { CommandError } from '../command-error.ts';

const GB = 1e9;
/** A first build needs about 2.5 GB, with the layers that stay cached. */
const COMFORTABLE = 4 * GB;
const NECESSARY = 1 * GB;

/** Free bytes where the engine keeps images; `undefined` when that is not on this machine. */
export async function engineDiskFree(
  docker: Docker,
): Promise<{ path: string; free: number } | undefined> {
  const { DockerRootDir: path } = (await docker.info()) as { DockerRootDir: string };
  try {
    const { bavail, bsize } = await statfs(path);
    return { path, free: bavail * bsize };
  } catch {
    return undefined;
  }
}

/**
 * @returns a warning when room is scarce
 * @throws CommandError when images cannot be built with what is left
 */
export function diskProblem(disk: { path: string; free: number } | undefined): string | undefined {
  if (disk === undefined || disk.free >= COMFORTABLE) return undefined;
  const left = `${(disk.free / GB).toFixed(1)} GB are free in ${disk.path}, where the Docker engine keeps images`;
  if (disk.free >= NECESSARY) return `Only ${left}; a first build needs about 2.5 GB.`;
  throw new CommandError(`Too little disk space: ${left}; a build needs more.`, {
    advice: [
      'See what the engine keeps: docker system df',
      'Remove what nothing uses: docker system prune',
    ],
  });
}
