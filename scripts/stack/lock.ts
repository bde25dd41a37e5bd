import { readFileSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { CommandError, codeOf } from '../command-error.ts';
import { makeFolder, readIfThere, type StackFiles } from './stack-files.ts';

interface Holder {
  readonly pid: number;
  /** When the process started, in the kernel's own count; tells it from a later one with the same number. */
  readonly started: string | undefined;
  readonly host: string;
  readonly command: string;
  readonly since: string;
}

/**
 * Takes the stack for one command that changes it; the result gives it back. A lock whose process is gone is taken over.
 * @throws CommandError naming the command that holds it.
 */
export async function lockStack(files: StackFiles, command: string): Promise<() => Promise<void>> {
  await makeFolder(files);
  const mine: Holder = {
    pid: process.pid,
    started: startOf(process.pid),
    host: hostname(),
    command,
    since: new Date().toISOString(),
  };
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const file = await open(files.lock, 'wx', 0o600);
      await file.writeFile(`${JSON.stringify(mine)}\n`);
      await file.close();
      return () => rm(files.lock, { force: true });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const holder = parseHolder(await readIfThere(files.lock));
    if (holder === undefined || isRunning(holder)) throw refusal(files, holder);
    await rm(files.lock, { force: true });
  }
  throw refusal(files, undefined);
}

function refusal(files: StackFiles, holder: Holder | undefined): CommandError {
  if (holder === undefined)
    return new CommandError(`Another command is changing the stack "${files.stack}".`, {
      advice: [`Wait for it. If none runs any more: rm ${files.lock}`],
    });
  const where = holder.host === hostname() ? '' : ` on ${holder.host}`;
  return new CommandError(
    `"${holder.command}" is already changing the stack "${files.stack}": process ${holder.pid}${where}, since ${holder.since}.`,
    { advice: [`Wait for it, or stop it with: kill ${holder.pid}`] },
  );
}

function isRunning(holder: Holder): boolean {
  if (holder.host !== hostname()) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  const started = startOf(holder.pid);
  return started === undefined || holder.started === undefined || started === holder.started;
}

/** Start time of a process (proc(5), field 22 of stat); `undefined` where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function parseHolder(text: string | undefined): Holder | undefined {
  try {
    const holder: Holder = JSON.parse(text ?? '');
    return typeof holder.pid === 'number' ? holder : undefined;
  } catch {
    return undefined;
  }
}
