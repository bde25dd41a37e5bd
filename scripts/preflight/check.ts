import type { Display } from '../terminal/tasks.ts';
import { checksFor } from './checks.ts';
import { combined, type Found, type Ground } from './ground.ts';

/**
 * Looks for what would make a deployment fail late and in other people's words.
 * @throws CommandError with every problem and what solves it
 */
export async function check({ display, ...ground }: Ground & { display: Display }): Promise<void> {
  const task = display.task('Checks');
  const found: Found[] = [];
  try {
    for (const { name, look } of checksFor(ground.config, 'deployment')) {
      task.progress(name);
      found.push(await look(ground));
    }
    const problems = found.flatMap((one) => one.problems ?? []);
    if (problems.length > 0) throw combined(problems);
  } catch (error) {
    task.failed();
    throw error;
  }
  for (const text of found.flatMap(({ notes = [] }) => notes)) display.note(text);
  for (const { text } of found.flatMap(({ warnings = [] }) => warnings)) display.warn(text);
  task.same(found.flatMap(({ ok }) => ok ?? []).join(', '));
}
