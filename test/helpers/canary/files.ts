/** Files of this machine: what commands keep, what a crash leaves, what is left lying about. */
import type { Dirent } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { containersOf, filesInside, whileRunning } from './containers.ts';
import type { Scope } from './scope.ts';
import type { Sample, Surface } from './search.ts';

/** Regular files in a folder and below, those that can be read; none where there is no such folder. */
async function* filesBelow(folder: string): AsyncGenerator<string> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

/** Nothing where it is gone or another user's. */
async function* fileSample(surface: Surface, path: string): AsyncGenerator<Sample> {
  const file = await open(path).catch(() => undefined);
  if (file !== undefined) yield { surface, where: path, content: file.createReadStream() };
}

/** The output of commands, and what they keep of the stack: config, state, passphrase, leftovers. */
export async function* commands({ said, stackFolder }: Scope): AsyncGenerator<Sample> {
  for (const { command, text } of said)
    yield { surface: 'commands', where: `output of ${command}`, content: text };
  for await (const path of filesBelow(stackFolder)) yield* fileSample('commands', path);
}

/** Names of core files, and of Node's reports, heap snapshots and profiles (nodejs.org/api, cli and report). */
const LEFT_BY_CRASH =
  /^(core([.-].*)?|.*\.core|report\..*\.json|.*\.(heap(snapshot|profile)|cpuprofile))$/;
const IN_CONTAINER = ['core', 'core.[0-9]*', '*.core', 'report.*.json', '*.heapsnapshot']
  .flatMap((name) => ['-o', '-name', name])
  .slice(1);
const NOT_FILES = ['/proc', '/sys'].flatMap((folder) => ['-path', folder, '-prune', '-o']);
/** Where the kernel or its helpers put core files (core(5)). */
const CORE_FOLDERS = ['/var/crash', '/var/lib/systemd/coredump', '/cores'];

/** In containers anywhere; on this machine where commands run, where they have temporary files, and where cores go. */
export async function* crashes(scope: Scope): AsyncGenerator<Sample> {
  for (const container of await containersOf(scope.stack)) {
    if (!container.running) continue;
    const search = ['/', ...NOT_FILES, '-type', 'f', '(', ...IN_CONTAINER, ')', '-print'];
    for (const { path, content } of await whileRunning(container, () =>
      filesInside(container.id, search),
    ))
      yield { surface: 'crashes', where: `container ${container.name}: ${path}`, content };
  }
  for (const folder of [scope.checkout, scope.temporary, ...CORE_FOLDERS])
    for (const name of await readdir(folder).catch(() => []))
      if (LEFT_BY_CRASH.test(name) && (await isNew(join(folder, name), scope.since)))
        yield* fileSample('crashes', join(folder, name));
}

const HISTORIES = ['.bash_history', '.zsh_history', '.sh_history', '.ash_history', '.histfile'];
const HISTORIES_OF_TOOLS = ['.node_repl_history', '.python_history', '.docker/config.json'];
const HOME_FOLDERS = ['.npm/_logs', '.pulumi/logs'];

/** What was written meanwhile: histories and logs of the user's tools, temporary files, other stacks' folders. */
export async function* machine(scope: Scope): AsyncGenerator<Sample> {
  const { home, temporary, since } = scope;
  for (const name of [...HISTORIES, ...HISTORIES_OF_TOOLS]) yield* newFile(join(home, name), since);
  for (const folder of HOME_FOLDERS)
    for await (const path of filesBelow(join(home, folder))) yield* newFile(path, since);
  for (const name of await readdir(temporary).catch(() => [])) {
    const path = join(temporary, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) yield* newFile(path, since);
    if (!found?.isDirectory() || !isOfCommands(name)) continue;
    for await (const file of filesBelow(path)) yield* newFile(file, since);
  }
  for await (const path of filesBelow(dirname(scope.stackFolder)))
    if (!path.startsWith(`${scope.stackFolder}/`)) yield* newFile(path, since);
}

/** Of the commands, their tests, and the tools that they call; a registry of a test keeps base images, no more. */
const isOfCommands = (name: string) =>
  /^(lakehouse(?!-registry-)|pulumi|npm|node|docker|tmp)/i.test(name);

async function* newFile(path: string, since: Date): AsyncGenerator<Sample> {
  if (await isNew(path, since)) yield* fileSample('machine', path);
}

const isNew = async (path: string, since: Date) => {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && found.mtime >= since;
};
