import type { Display } from './tasks.ts';

/** For commands whose stdout is their result: tasks are not shown, what must be known goes to stderr. */
export function quietDisplay(stream: NodeJS.WritableStream = process.stderr): Display {
  const nothing = () => {};
  return {
    task: () => ({ progress: nothing, done: nothing, same: nothing, failed: nothing }),
    note: (text) => stream.write(`${text}\n`),
    warn: (text) => stream.write(`Warning: ${text}\n`),
    json: nothing,
    text: nothing,
    close: nothing,
  };
}
