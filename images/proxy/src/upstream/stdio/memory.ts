/**
 * How much memory the children take, and whether the kernel took one away for it. Read from /proc and the control
 * group at moments, never at every call.
 */
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface MemoryFolders {
  readonly proc: string;
  readonly cgroup: string;
}

const FOLDERS: MemoryFolders = { proc: '/proc', cgroup: '/sys/fs/cgroup' };
const PAGE_BYTES = 4096;
const MIB = 1024 * 1024;
/** A group that had this share of the limit just before its end ended because of it. */
const NEAR_LIMIT = 0.9;
/** Fields of /proc/<pid>/stat behind the name in brackets: state is the first. */
const GROUP_FIELD = 2;
const RSS_FIELD = 21;

/** Where the kernel counts its kills: control groups of version 2, and of version 1. */
const KILL_FILES = ['memory.events', 'memory/memory.oom_control'];
const LIMIT_FILES = ['memory.max', 'memory/memory.limit_in_bytes'];

function firstOf(folder: string, names: readonly string[]): string | undefined {
  for (const name of names)
    try {
      return readFileSync(join(folder, name), 'utf8');
    } catch {
      // Not this version of control groups, or none that can be seen.
    }
  return undefined;
}

export class ChildMemory {
  readonly #folders: MemoryFolders;
  #rss = new Map<number, number>();
  #kills: number;

  constructor(folders: MemoryFolders = FOLDERS) {
    this.#folders = folders;
    this.#kills = this.#readKills();
  }

  /** Looks at all processes once. */
  async sample(): Promise<void> {
    const rss = new Map<number, number>();
    this.#kills = this.#readKills();
    const entries = await readdir(this.#folders.proc).catch(() => []);
    for (const pid of entries) {
      if (!/^\d+$/.test(pid)) continue;
      const stat = await readFile(join(this.#folders.proc, pid, 'stat'), 'utf8').catch(() => '');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const group = Number(fields[GROUP_FIELD]);
      const bytes = Number(fields[RSS_FIELD]) * PAGE_BYTES;
      if (Number.isFinite(bytes)) rss.set(group, (rss.get(group) ?? 0) + bytes);
    }
    this.#rss = rss;
  }

  /** Bytes that a process group had at the last look; 0 when it was not there. */
  rss(group: number | undefined): number {
    return group === undefined ? 0 : (this.#rss.get(group) ?? 0);
  }

  /** Why a group that was killed by someone else ended, in words; undefined when memory was not the reason. */
  explainKill(group: number | undefined): string | undefined {
    const kills = this.#readKills();
    const risen = kills > this.#kills;
    this.#kills = kills;
    const bytes = this.rss(group);
    const limit = Number(firstOf(this.#folders.cgroup, LIMIT_FILES));
    const near = Number.isFinite(limit) && limit > 0 && bytes >= limit * NEAR_LIMIT;
    if (!risen && !near) return undefined;
    const had = bytes > 0 ? `; it had ${Math.round(bytes / MIB)} MiB at the last look` : '';
    const of = Number.isFinite(limit) ? ` of ${Math.round(limit / MIB)} MiB` : '';
    return `was killed by the kernel because the container reached its memory limit${of}${had}`;
  }

  #readKills(): number {
    const text = firstOf(this.#folders.cgroup, KILL_FILES) ?? '';
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  }
}
