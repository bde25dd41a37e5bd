/** A look at the files that the settings name, before the start: each problem in words, with what mends it. */
import { NamedFileError, problemWithFile } from '../../kit/src/named-file.ts';
import { readSecretFile } from '../../kit/src/secret-file.ts';
import type { Values } from '../../kit/src/settings.ts';
import { openTokensFile } from './access/tokens-file.ts';
import { PASSWORD_RULE } from './access/users.ts';
import { isLoopback } from './http/loopback.ts';
import { demoSettings as schema } from './settings.ts';

type Settings = Values<typeof schema>;

/** @returns a line for each problem; settings that are not there are passed over */
export async function inspectFiles(settings: Partial<Settings>): Promise<readonly string[]> {
  return [
    ...(await inspectPassword(settings)),
    ...(await problemWithFile(schema.tokensFile, settings.tokensFile, openTokensFile)),
  ];
}

async function inspectPassword(settings: Partial<Settings>): Promise<readonly string[]> {
  const { firstUser, host, passwordFile } = settings;
  if (!firstUser) return [];
  // Unset, and not wrong: the password from the documentation would do, for callers on this machine.
  const documented = 'passwordFile' in settings && passwordFile === undefined;
  if (documented && host !== undefined && !isLoopback(host))
    return [
      `${schema.passwordFile.variable} is not set and HOST is ${host}; the password from the documentation is only for loopback. ` +
        `Set ${schema.passwordFile.variable} to ${schema.passwordFile.allowed}, or HOST to 127.0.0.1.`,
    ];
  return problemWithFile(schema.passwordFile, passwordFile, readPassword);
}

/** @throws NamedFileError when it cannot be read or is not a password that Dremio takes */
export async function readPassword(path: string): Promise<string> {
  const password = await readSecretFile(path);
  if (!PASSWORD_RULE.test(password))
    throw new NamedFileError(path, {
      reason: 'has another password than Dremio takes',
      remedy: `Make one with: openssl rand -hex 16 > ${path}`,
    });
  return password;
}
