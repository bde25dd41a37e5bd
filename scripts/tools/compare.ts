/**
 * The tools that a stack offers, held against the lock. A definition is text for a model: a server that after an
 * update says something else of its tools can mislead it (OWASP MCP Top 10: tool poisoning).
 */
import { join } from 'node:path';
import type { RunningStack } from '../stack/running.ts';
import { printable } from '../terminal/table.ts';
import { readToolsLock, TOOLS_LOCK } from './lock.ts';
import { offeredTools, type Tools } from './offered.ts';

export interface ToolsFinding {
  /** Of all tools that a proxy offers; several while proxies offer different ones. */
  readonly digests: readonly string[];
  /** What is not as in the lock, a few words for each tool. */
  readonly differences: readonly string[];
}

/** @returns null where no proxy can be asked @throws CommandError when the lock is not valid */
export async function compareTools(
  project: string,
  stack: RunningStack,
): Promise<ToolsFinding | null> {
  const offered = await offeredTools(stack);
  if (offered.length === 0) return null;
  const pinned = await readToolsLock(join(project, TOOLS_LOCK));
  const found = offered.flatMap(({ tools }) => differences(pinned, tools));
  return { digests: offered.map(({ digest }) => digest), differences: [...new Set(found)] };
}

/** What is offered and was not pinned like that, by name. Which of the pinned tools are offered, `serverMode` says. */
export function differences(pinned: Tools, offered: Tools): string[] {
  return [...offered].sort().flatMap(([name, digest]) => {
    if (pinned.get(name) === digest) return [];
    return [`${printable(name)} is ${pinned.has(name) ? 'defined in another way' : 'new'}`];
  });
}

/** What differs, as one sentence; `undefined` when nothing does. */
export const toolsTrouble = ({ differences }: ToolsFinding): string | undefined =>
  differences.length === 0
    ? undefined
    : `the tools of the official MCP server are not those in ${TOOLS_LOCK}: ${differences.join(', ')}`;

/** What to do about it. */
export const toolsAdvice = (stack: string): readonly string[] => [
  'A definition tells the model what a tool is for: read what your MCP client shows of these before anyone uses them.',
  `If they are right, pin them and commit the file: npm run pin -- --stack ${stack} --tools`,
];
