import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, codeOf, EXIT } from '../command-error.ts';

/** Where everything of one stack lies. All but `committed` is below `.lakehouse/`, which git ignores. */
export interface StackFiles {
  /** Folder with Pulumi.yaml. */
  readonly project: string;
  readonly stack: string;
  readonly folder: string;
  /** The stack's config that is in git; need not exist. */
  readonly committed: string;
  /** What the user set with `--set` and `--set-secret`, and what `up` found out about the machine. */
  readonly overrides: string;
  /** Both merged; made anew by every run, and what Pulumi or the runner reads. */
  readonly config: string;
  readonly passphrase: string;
  /** Names the engine of deployment that made the stack: `pulumi` or `local`. */
  readonly engine: string;
  /** State of the Pulumi CLI when no other backend is named. */
  readonly backend: string;
  /** Held by the command that changes the stack. */
  readonly lock: string;
}

/** @throws CommandError when the name would not fit into names of containers. */
export function stackFiles(project: string, stack: string): StackFiles {
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(stack))
    throw new CommandError(
      `"${stack}" cannot name a stack: it needs small letters, digits and hyphens, at most 40.`,
      { exitCode: EXIT.usage },
    );
  const folder = join(project, '.lakehouse', stack);
  return {
    project,
    stack,
    folder,
    committed: join(project, `Pulumi.${stack}.yaml`),
    overrides: join(folder, 'overrides.yaml'),
    config: join(folder, `Pulumi.${stack}.yaml`),
    passphrase: join(folder, 'passphrase'),
    engine: join(folder, 'engine'),
    backend: join(folder, 'backend'),
    lock: join(folder, 'command.lock'),
  };
}

/** Whether anything was ever set or deployed under this name here. */
export function isKnownStack(files: StackFiles): boolean {
  return existsSync(files.folder) || existsSync(files.committed);
}

export async function makeFolder(files: StackFiles): Promise<void> {
  await mkdir(files.folder, { recursive: true, mode: 0o700 });
}

/** Text of a file, or `undefined` when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces a file as a whole, readable by its owner alone: a reader sees the old text or the new, never a part. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
