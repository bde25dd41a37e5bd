/** Arguments and environments of processes: in the containers, and on this machine. */
import { readdir, readFile } from 'node:fs/promises';
import { containersOf, filesInside, whileRunning } from './containers.ts';
import type { Scope } from './scope.ts';
import type { Sample } from './search.ts';

const FILES = ['cmdline', 'environ'] as const;
const IN_PROC = ['/proc', '-maxdepth', '2', '(', '-name', 'cmdline', '-o', '-name', 'environ', ')'];

export async function* processes({ stack, processes: seen }: Scope): AsyncGenerator<Sample> {
  for (const container of await containersOf(stack)) {
    if (!container.running) continue;
    for (const { path, content } of await whileRunning(container, () =>
      filesInside(container.id, IN_PROC),
    ))
      yield { surface: 'processes', where: `container ${container.name}: ${path}`, content };
  }
  const watch = new ProcessWatch();
  await watch.look();
  for (const content of [...watch.seen, ...seen])
    yield { surface: 'processes', where: 'a process of this machine', content };
}

/** Often enough for processes that live for a moment. */
const EVERY_MS = 50;
/** A process has its own arguments only some time after it was there. */
const LOOKS = 4;

/** Keeps what it sees of the processes of this machine that it may look into. */
export class ProcessWatch {
  readonly #seen = new Set<string>();
  readonly #looks = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  get seen(): readonly string[] {
    return [...this.#seen];
  }

  /** Looks again and again at those that are new, until it is stopped. */
  start(): void {
    this.#timer ??= setInterval(() => void this.look(), EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async look(): Promise<void> {
    const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const here = new Set(all);
    for (const gone of [...this.#looks.keys()].filter((pid) => !here.has(pid)))
      this.#looks.delete(gone);
    await Promise.all(all.map((pid) => this.#lookAt(pid)));
  }

  async #lookAt(pid: string): Promise<void> {
    const looks = this.#looks.get(pid) ?? 0;
    if (looks >= LOOKS) return;
    this.#looks.set(pid, looks + 1);
    for (const file of FILES)
      try {
        this.#seen.add(await readFile(`/proc/${pid}/${file}`, 'latin1'));
      } catch {
        // It has ended, or is another user's.
      }
  }
}
