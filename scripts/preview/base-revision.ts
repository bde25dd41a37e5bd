/** The checkout of another revision, beside this one. */
import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, EXIT } from '../command-error.ts';
import { lastLines, run } from '../process.ts';

export interface BaseRevision {
  /** Folder with its files; its program uses the dependencies of this checkout. */
  readonly project: string;
  /** As git abbreviates it. */
  readonly name: string;
}

/**
 * Unpacks a revision without touching the checkout or git's list of work trees.
 * @throws CommandError when git does not know the revision
 */
export async function checkOut(
  repository: string,
  revision: string,
  folder: string,
): Promise<BaseRevision> {
  const git = (...words: string[]) => run('git', words, { cwd: repository });
  const found = await git('rev-parse', '--verify', '--quiet', '--short', `${revision}^{commit}`);
  if (found.code !== 0)
    throw new CommandError(`git does not know the revision "${revision}".`, {
      exitCode: EXIT.usage,
      advice: ['In a shallow clone, fetch it first: git fetch --deepen=50'],
    });
  const name = found.stdout.trim();
  const archive = join(folder, 'base.tar');
  const project = join(folder, 'base');
  await mkdir(project);
  // Modes as a checkout under this user's mask would have them: they are part of what an image is built from.
  const packed = await git('-c', 'tar.umask=user', 'archive', '--output', archive, name);
  if (packed.code !== 0) throw failed('git archive', packed.stderr);
  const unpacked = await run('tar', ['-xf', archive, '-C', project]);
  if (unpacked.code !== 0) throw failed('tar', unpacked.stderr);
  await rm(archive);
  await symlink(join(repository, 'node_modules'), join(project, 'node_modules'));
  return { project, name };
}

const failed = (program: string, stderr: string) =>
  new CommandError(`${program} failed: ${lastLines(stderr, 3).join(' ')}`);
