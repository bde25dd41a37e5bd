import { readFile } from 'node:fs/promises';

/** A secret file that cannot be used; the message names the path and the reason, never the content. */
export class SecretFileError extends Error {
  constructor(path: string, reason: string) {
    super(`secret file ${path} ${reason}`);
    this.name = 'SecretFileError';
  }
}

/**
 * Reads a secret from a file, without its final line break.
 * @throws SecretFileError when it cannot be read, is blank, or has more than one line.
 */
export async function readSecretFile(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new SecretFileError(path, `cannot be read (${code})`);
  }
  const secret = text.replace(/\r?\n$/, '');
  if (secret.trim() === '') throw new SecretFileError(path, 'is empty');
  if (/[\r\n]/.test(secret)) throw new SecretFileError(path, 'has more than one line');
  return secret;
}
