/** Looks at the processes inside a container, and ends one; the engine and the test share one clock. */
import { execNode } from './stack.ts';

export interface InnerProcess {
  readonly pid: number;
  readonly parent: number;
  /** One letter, as in `/proc/<pid>/stat`; `Z` is a zombie. */
  readonly state: string;
  readonly command: string;
  /** Resident memory in bytes. */
  readonly rss: number;
  readonly descriptors: number;
}

/** What a probe of the health check or of ours starts has no parent inside; it does not belong to the service. */
function ofTheService(all: readonly InnerProcess[]): InnerProcess[] {
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const rootOf = (pid: number): number => {
    const parent = parents.get(pid);
    return parent === undefined || parent === 0 ? pid : rootOf(parent);
  };
  return all.filter(({ pid }) => rootOf(pid) === 1);
}

const LOOK = `
  const { readdirSync, readFileSync } = require('node:fs');
  const read = (pid, name) => readFileSync('/proc/' + pid + '/' + name, 'utf8');
  const seen = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\\d+$/.test(name)))
    // What looks has the words in its own command that it looks for.
    if (Number(pid) !== process.pid) try {
      const status = read(pid, 'status');
      const field = (name) => new RegExp('^' + name + ':\\\\s+(\\\\S+)', 'm').exec(status)?.[1] ?? '';
      const state = field('State');
      seen.push({
        pid: Number(pid),
        parent: Number(field('PPid')),
        state,
        command: read(pid, 'cmdline').replaceAll('\\0', ' ').trim(),
        rss: Number(field('VmRSS') || 0) * 1024,
        descriptors: state === 'Z' ? 0 : readdirSync('/proc/' + pid + '/fd').length,
      });
    } catch {}`;

/** The processes of the container's service, zombies included. */
export async function processesIn(container: string): Promise<InnerProcess[]> {
  const script = `${LOOK} process.stdout.write(JSON.stringify(seen));`;
  return ofTheService(JSON.parse(await execNode(container, script)) as InnerProcess[]);
}

/** Names in a folder inside the container. */
export async function namesIn(container: string, folder: string): Promise<string[]> {
  const script = `process.stdout.write(JSON.stringify(require('node:fs').readdirSync('${folder}')))`;
  return JSON.parse(await execNode(container, script)) as string[];
}

/**
 * Sends SIGKILL to one process whose command has `word` in it; which of several, `share` in [0, 1) says. Gives the
 * moment just before, in milliseconds since the Unix epoch.
 */
export async function killIn(
  container: string,
  word: string,
  share: number,
): Promise<{ pid: number; moment: number }> {
  const script = `${LOOK}
    const those = seen.filter(({ command, state }) => command.includes('${word}') && state !== 'Z');
    const { pid } = those[Math.floor(${share} * those.length)];
    const moment = Date.now();
    process.kill(pid, 'SIGKILL');
    process.stdout.write(JSON.stringify({ pid, moment }));`;
  return JSON.parse(await execNode(container, script)) as { pid: number; moment: number };
}
