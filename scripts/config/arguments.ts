import { readFileSync } from 'node:fs';
import { CommandError, EXIT, messageOf } from '../command-error.ts';
import { fullKey, isSecretKey, whatIsAllowed } from './keys.ts';

/** The changes that one command line asks for, checked; keys in their full form. */
export interface Changes {
  readonly set: Readonly<Record<string, string>>;
  /** Secrets to ask for. */
  readonly secrets: readonly string[];
  readonly unset: readonly string[];
}

/**
 * Reads the words behind `--set`, `--set-secret` and `--unset`. `key=@file` takes the text of a file.
 * @throws CommandError on the first word that is not right (exit 2); secret values are never repeated in it.
 */
export function parseChanges(options: {
  set?: readonly string[];
  setSecret?: readonly string[];
  unset?: readonly string[];
}): Changes {
  const set: Record<string, string> = {};
  for (const word of options.set ?? []) {
    const equals = word.indexOf('=');
    if (equals < 1)
      throw usage(`--set needs key=value, got "${word}".`, ['For example: --set mcpPort=8471']);
    const typed = word.slice(0, equals);
    const full = fullKey(typed);
    if (isSecretKey(full))
      throw usage(
        `${typed} is a secret, so it cannot be an argument: other users of this machine see arguments, and shells keep them.`,
        [`Type it when asked: npm run up -- --set-secret ${typed}`],
      );
    const value = textOf(typed, word.slice(equals + 1));
    const allowed = whatIsAllowed(full, value);
    if (allowed !== undefined)
      throw usage(`${typed} cannot be "${value}"; expected ${allowed}.`, []);
    set[full] = value;
  }
  const secrets = (options.setSecret ?? []).map((word) => {
    const [typed = ''] = word.split('=');
    const full = fullKey(typed);
    if (word.includes('='))
      throw usage(
        '--set-secret takes the name alone: other users of this machine see arguments, and shells keep them.',
        [
          `Type the value when asked: npm run up -- --set-secret ${typed}`,
          'The value that was just typed may be in the history of your shell: consider it known.',
        ],
      );
    return full;
  });
  return { set, secrets, unset: (options.unset ?? []).map(fullKey) };
}

function textOf(key: string, value: string): string {
  if (!value.startsWith('@')) return value;
  try {
    return readFileSync(value.slice(1), 'utf8');
  } catch (error) {
    throw usage(`${key} should come from a file that cannot be read: ${messageOf(error)}`, []);
  }
}

const usage = (message: string, advice: readonly string[]) =>
  new CommandError(message, { exitCode: EXIT.usage, advice });
