import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CommandError, EXIT, messageOf } from '../command-error.ts';
import { makeFolder, readIfThere, type StackFiles, writeWhole } from '../stack/stack-files.ts';

/**
 * The passphrase that seals a stack's secrets: from the environment as Pulumi reads it
 * (PULUMI_CONFIG_PASSPHRASE counts even when empty, then PULUMI_CONFIG_PASSPHRASE_FILE), else the generated one in
 * the stack's folder, which is made when `make` asks for it.
 */
export async function readPassphrase(
  files: StackFiles,
  environment: Readonly<Record<string, string | undefined>>,
  options: { make: boolean },
): Promise<string | undefined> {
  if (environment.PULUMI_CONFIG_PASSPHRASE !== undefined)
    return environment.PULUMI_CONFIG_PASSPHRASE;
  const named = environment.PULUMI_CONFIG_PASSPHRASE_FILE;
  if (named !== undefined && named !== '') {
    try {
      return (await readFile(named, 'utf8')).trim();
    } catch (error) {
      throw new CommandError(
        `PULUMI_CONFIG_PASSPHRASE_FILE names a file that cannot be read: ${messageOf(error)}`,
        { exitCode: EXIT.usage },
      );
    }
  }
  const own = (await readIfThere(files.passphrase))?.trim();
  if (own !== undefined || !options.make) return own;
  const made = randomBytes(32).toString('base64url');
  await makeFolder(files);
  await writeWhole(files.passphrase, `${made}\n`);
  return made;
}
