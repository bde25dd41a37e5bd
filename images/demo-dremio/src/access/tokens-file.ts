/** Issued tokens in a file, by digest: with it they outlive the process, as Dremio's do with its data folder. */
import { renameSync, writeFileSync } from 'node:fs';
import { codeOf, NamedFileError, readNamedFile, user } from '../../../kit/src/named-file.ts';

export interface KeptToken {
  /** SHA-256 of the token in hexadecimal digits. */
  readonly digest: string;
  readonly userName: string;
  /** End of validity, milliseconds since the Unix epoch. */
  readonly expiresAt: number;
  readonly revoked: boolean;
}

export interface TokensFile {
  /** What was in the file, oldest first; nothing when there was none. */
  readonly found: readonly KeptToken[];
  /** Replaces the content: whoever reads finds the old one or the new one. @throws NamedFileError */
  write(tokens: readonly KeptToken[]): void;
}

/** Ten thousand tokens with long user names. */
const MAX_BYTES = 8 * 1024 * 1024;

/** Reads the file, and writes it once to know that it can. @throws NamedFileError when either does not work */
export async function openTokensFile(path: string): Promise<TokensFile> {
  const found = await read(path);
  const write = (tokens: readonly KeptToken[]) => {
    try {
      writeFileSync(`${path}.next`, JSON.stringify(tokens), { mode: 0o600 });
      renameSync(`${path}.next`, path);
    } catch (error) {
      const reason = `user ${user()} cannot write (${codeOf(error)})`;
      const remedy = `Give that user the folder: chown ${user()}, and mount it writable.`;
      throw new NamedFileError(path, { reason, remedy }, error);
    }
  };
  write(found);
  return { found, write };
}

async function read(path: string): Promise<readonly KeptToken[]> {
  let text: string;
  try {
    text = await readNamedFile(path, MAX_BYTES);
  } catch (error) {
    if (error instanceof NamedFileError && codeOf(error.cause) === 'ENOENT') return [];
    throw error;
  }
  const tokens = parse(text);
  if (tokens) return tokens;
  throw new NamedFileError(path, {
    reason: 'has something else in it than tokens that were kept',
    remedy: 'Correct the path, or remove the file: every token then ends.',
  });
}

function parse(text: string): readonly KeptToken[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every(isKept) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isKept(value: unknown): value is KeptToken {
  if (typeof value !== 'object' || value === null) return false;
  const { digest, userName, expiresAt, revoked } = value as Record<string, unknown>;
  return (
    typeof digest === 'string' &&
    typeof userName === 'string' &&
    typeof expiresAt === 'number' &&
    typeof revoked === 'boolean'
  );
}
