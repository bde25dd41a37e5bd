/** A look at the files that the settings name, before the start: each problem in words, with what mends it. */
import { dirname } from 'node:path';
import { readCertificates } from '../../kit/src/certificates.ts';
import {
  codeOf,
  NamedFileError,
  problemWithFile,
  type Trouble,
  user,
} from '../../kit/src/named-file.ts';
import { readSecretFile } from '../../kit/src/secret-file.ts';
import type { Values } from '../../kit/src/settings.ts';
import { refresherSettings as schema } from './settings.ts';
import { createTokenStore } from './token-store.ts';

/** The look at the files of a service that starts: first of all it removes what one that was killed left behind. */
export async function inspectAtStart(
  settings: Partial<Values<typeof schema>>,
): Promise<readonly string[]> {
  // A folder that cannot be read is told by the look itself.
  if (settings.tokenFile)
    await createTokenStore(settings.tokenFile)
      .removeLeftovers()
      .catch(() => {});
  return inspectFiles(settings);
}

/** @returns a line for each file or folder that cannot be used; settings that are not there are passed over */
export async function inspectFiles(
  settings: Partial<Values<typeof schema>>,
): Promise<readonly string[]> {
  const problems = await Promise.all([
    problemWithFile(schema.dremioPasswordFile, settings.dremioPasswordFile, readSecretFile),
    problemWithFile(schema.dremioCaFile, settings.dremioCaFile, readCertificates),
    problemWithFile(schema.tokenFile, settings.tokenFile, tryTokenFolder),
  ]);
  return problems.flat();
}

/** @throws NamedFileError when no token can be written to `path` */
async function tryTokenFolder(path: string): Promise<void> {
  try {
    await createTokenStore(path).tryFolder();
  } catch (error) {
    throw new NamedFileError(path, troubleWithFolder(path, error), error);
  }
}

/** Why a token file cannot be written, by the error of the file system. */
export function troubleWithFolder(path: string, error: unknown): Trouble {
  const folder = dirname(path);
  const code = codeOf(error);
  switch (code) {
    case 'EISDIR':
      return { reason: 'is a folder', remedy: 'Remove that folder, or name a file in it.' };
    case 'ENOENT':
      return {
        reason: `is in the folder ${folder}, which does not exist`,
        remedy: 'Mount the token volume there, or correct the path.',
      };
    case 'ENOTDIR':
      return {
        reason: `is in ${folder}, which is not a folder`,
        remedy: 'Correct the path.',
      };
    case 'EACCES':
    case 'EPERM':
      return {
        reason: `is in the folder ${folder}, to which user ${user()} may not write (${code})`,
        remedy: `Give the folder to that user: chown ${user()} ${folder} && chmod 2750 ${folder}`,
      };
    case 'EROFS':
      return {
        reason: `is in the folder ${folder}, which is read-only (${code})`,
        remedy: 'Mount the token volume read-write into this container.',
      };
    case 'ENOSPC':
    case 'EDQUOT':
      return {
        reason: `is in the folder ${folder}, which is full (${code})`,
        remedy: 'Make room in it, or give the token volume more (64 KiB is enough).',
      };
    default:
      return {
        reason: `is in the folder ${folder}, which does not take a file (${code})`,
        remedy: 'Mend the disk or the mount.',
      };
  }
}
