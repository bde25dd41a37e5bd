/** `npm run pin -- --tools`: takes the tools that a running stack offers for good, and writes them into the lock. */
import { join } from 'node:path';
import { CommandError, EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { openSession } from '../session.ts';
import { differences } from '../tools/compare.ts';
import { readToolsLock, TOOLS_LOCK } from '../tools/lock.ts';
import { offeredTools } from '../tools/offered.ts';
import { writeLockFile } from './lock-file.ts';
import type { PinOptions } from './pin.ts';

/**
 * Writes the lock, or with `check` says whether it has what the stack offers; tools that others offer stay in it.
 * @returns exit code: 1 when `check` finds a difference
 * @throws CommandError when no proxy can be asked, or they do not agree
 */
export async function pinTools(
  project: string,
  { stack, check, json }: PinOptions,
  out: NodeJS.WritableStream = process.stdout,
): Promise<number> {
  const { running } = await openSession(project, stack);
  const [offered, ...others] = await offeredTools(running);
  const advice = [`See what runs: ${commandFor(stack, 'status')}`];
  if (offered === undefined)
    throw new CommandError(`No proxy of the stack "${stack}" can say here what its tools are.`, {
      exitCode: EXIT.notReady,
      advice,
    });
  if (others.length > 0)
    throw new CommandError(
      `The proxies of the stack "${stack}" offer different tools: an update is under way, or was not completed.`,
      { exitCode: EXIT.notReady, advice },
    );
  const path = join(project, TOOLS_LOCK);
  const pinned = await readToolsLock(path);
  const found = differences(pinned, offered.tools);
  const differs = found.length > 0;
  if (differs && !check) await writeLockFile(path, new Map([...pinned, ...offered.tools]));
  const { digest, tools } = offered;
  out.write(
    json
      ? `${JSON.stringify({ digest, tools: Object.fromEntries(tools), differences: found }, undefined, 2)}\n`
      : `${[...found, verdict(differs, check, stack)].join('\n')}\n`,
  );
  return check && differs ? EXIT.failed : EXIT.ok;
}

function verdict(differs: boolean, check: boolean, stack: string): string {
  if (!differs) return `${TOOLS_LOCK} has the tools that the stack "${stack}" offers.`;
  return check
    ? `${TOOLS_LOCK} has not the tools that the stack "${stack}" offers.`
    : `Written to ${TOOLS_LOCK}; commit it.`;
}
