import { parse, stringify } from 'yaml';
import { CommandError, EXIT, messageOf } from '../command-error.ts';
import { makeFolder, readIfThere, type StackFiles, writeWhole } from '../stack/stack-files.ts';

/** A value in a stack's config file: plain, or encrypted with the stack's passphrase. */
export type ConfigValue = unknown;
export const isSealed = (value: ConfigValue): value is { secure: string } =>
  typeof value === 'object' &&
  value !== null &&
  'secure' in value &&
  typeof value.secure === 'string';

/** What is kept for a stack outside of git, by full key (`lakehouse-mcp:mcpPort`, `docker:host`). */
export interface Overrides {
  /** Seals the `secure` values; made with the first one. */
  encryptionsalt?: string;
  /** What the user set. */
  config: Record<string, ConfigValue>;
  /** What `up` found out about this machine; the user's values and those in git win over it. */
  machine: Record<string, string>;
}

/** @throws CommandError when the file is not what this tool writes. */
export async function readOverrides(files: StackFiles): Promise<Overrides> {
  const text = await readIfThere(files.overrides);
  const document = text === undefined ? {} : parseMapping(text, files.overrides);
  const { encryptionsalt } = document;
  return {
    ...(typeof encryptionsalt === 'string' ? { encryptionsalt } : {}),
    config: mapping(document.config, files.overrides),
    machine: mapping(document.machine, files.overrides) as Record<string, string>,
  };
}

export async function writeOverrides(files: StackFiles, overrides: Overrides): Promise<void> {
  await makeFolder(files);
  const text =
    `# Settings of the stack "${files.stack}", kept out of git. Change them with: npm run up -- --set key=value\n` +
    `# "machine" is what the command found out about this machine; "config" wins over it.\n` +
    stringify(overrides);
  await writeWhole(files.overrides, text);
}

/** Parses YAML whose top is a mapping. */
export function parseMapping(text: string, path: string): Record<string, unknown> {
  try {
    return mapping(parse(text) ?? {}, path);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${path} is not valid YAML: ${messageOf(error)}`, {
      exitCode: EXIT.usage,
    });
  }
}

function mapping(value: unknown, path: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new CommandError(
    `${path} is not a settings file: a list or a single value stands where keys should.`,
    {
      exitCode: EXIT.usage,
      advice: [`Correct it, or remove it to begin anew: rm ${path}`],
    },
  );
}
