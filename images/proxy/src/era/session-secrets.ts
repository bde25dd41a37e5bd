/**
 * The file with the secrets that sign session ids: the current one, which signs, and below it one that is only accepted.
 * That is the previous one, whose sessions go on; or, where replicas get the file one after the other, for a first step
 * the next one, so that none of them signs what another does not know yet.
 */
import { NamedFileError, readNamedFile } from '../../../kit/src/named-file.ts';

/** The secret that signs, and those besides it whose signatures count. */
export type Secrets = readonly [current: string, ...previous: string[]];

export const SHORTEST_SECRET = 32;
const MOST_SECRETS = 2;
const MAX_FILE_BYTES = 64 * 1024;

/**
 * Reads the text of a file of session secrets; the last line may end with a line break.
 * @throws NamedFileError with everything that is wrong, never with a secret
 */
export function parseSecrets(text: string, path: string): Secrets {
  const [current = '', ...previous] = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const lines = [current, ...previous];
  const problems: string[] = [];
  if (text.trim() === '') problems.push('is empty');
  else {
    if (lines.length > MOST_SECRETS)
      problems.push(`has ${lines.length} lines; expected the current secret and the previous one`);
    lines.forEach((line, i) => {
      const where = lines.length > 1 ? ` on line ${i + 1}` : '';
      if (line !== line.trim()) problems.push(`has white space around the secret${where}`);
      if (line.trim().length < SHORTEST_SECRET)
        problems.push(`has less than ${SHORTEST_SECRET} characters${where}`);
    });
    if (new Set(lines).size < lines.length) problems.push('has the same secret twice');
  }
  if (problems.length === 0) return [current, ...previous];
  throw new NamedFileError(path, {
    reason: problems.join('; it '),
    remedy: `Make a secret with: openssl rand -hex 32. It goes on the first line; the one before it may stay on the second, until the sessions that it signed are over.`,
  });
}

/** @throws NamedFileError when the file cannot be read or `parseSecrets` refuses its text */
export async function readSecrets(path: string): Promise<Secrets> {
  return parseSecrets(await readNamedFile(path, MAX_FILE_BYTES), path);
}
