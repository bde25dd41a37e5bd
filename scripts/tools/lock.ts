/** The tools of the official MCP server that were looked at and found good: the file beside its pinned version. */
import { CommandError } from '../command-error.ts';
import { readIfThere } from '../stack/stack-files.ts';
import type { Tools } from './offered.ts';

/** Path in the repository: a JSON object of names and digests. */
export const TOOLS_LOCK = 'images/proxy/tools.lock.json';

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** The lock at `path`; empty when there is no file. @throws CommandError when it is not valid */
export async function readToolsLock(path: string): Promise<Tools> {
  const text = (await readIfThere(path)) ?? '{}';
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const entries = Object.entries(value);
      if (entries.every(([, digest]) => DIGEST.test(String(digest)))) return new Map(entries);
    }
  } catch {
    // Told below, with what to do.
  }
  throw new CommandError(`${path} is not an object of tools with their digests (sha256:…).`, {
    advice: [
      `Take it back from git: git checkout -- ${TOOLS_LOCK}`,
      'Or delete it and write it anew: npm run pin -- --stack dev --tools',
    ],
  });
}
