/** All surfaces of a stack, one after the other. */
import { engineData, logs } from './engine.ts';
import { commands, crashes, machine } from './files.ts';
import { filesystems, images, inMemory } from './images.ts';
import { packages } from './packages.ts';
import { processes } from './processes.ts';
import type { Collector, Scope } from './scope.ts';
import type { Sample } from './search.ts';

async function* answers(scope: Scope): AsyncGenerator<Sample> {
  yield* scope.answers;
}

/** The logs come last: what the others bring about is in them. */
const EVERYWHERE: readonly Collector[] = [
  answers,
  (scope) => scope.requests(),
  commands,
  processes,
  images,
  filesystems,
  crashes,
  packages,
  machine,
  engineData,
  logs,
];

/** What costs no more than a second or two, for a stack whose images are those of another. */
export const AT_A_GLANCE: readonly Collector[] = [commands, processes, inMemory, engineData, logs];

export async function* collect(
  scope: Scope,
  collectors: readonly Collector[] = EVERYWHERE,
): AsyncGenerator<Sample> {
  for (const collector of collectors) yield* collector(scope);
}
