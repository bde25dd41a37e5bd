import { NamedFileError, readNamedFile } from './named-file.ts';

const MAX_BYTES = 64 * 1024;

/**
 * Reads a secret from a file, without its final line break.
 * @throws NamedFileError when it cannot be read, is blank, or has more than one line.
 */
export async function readSecretFile(path: string): Promise<string> {
  const secret = (await readNamedFile(path, MAX_BYTES)).replace(/\r?\n$/, '');
  if (secret.trim() === '')
    throw new NamedFileError(path, { reason: 'is empty', remedy: 'Write the secret into it.' });
  if (/[\r\n]/.test(secret))
    throw new NamedFileError(path, {
      reason: 'has more than one line',
      remedy: 'Leave only the line with the secret in it.',
    });
  return secret;
}
