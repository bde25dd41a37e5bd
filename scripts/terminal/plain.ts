import { formatDuration } from './duration.ts';
import { printable } from './table.ts';
import type { Display, Task } from './tasks.ts';

/** How often a task that takes long says that it still runs, in ms. */
const STILL_MS = 20_000;

/** Shows tasks as plain lines, for logs and pipes: one when it ends, and now and then one while it runs. */
export function plainDisplay(
  stream: NodeJS.WritableStream,
  now = () => performance.now(),
): Display {
  const line = (text: string) => stream.write(`${text}\n`);
  const open = new Set<NodeJS.Timeout>();
  const task = (title: string, level: 0 | 1 = 0): Task => {
    const since = now();
    const indent = '  '.repeat(level);
    let latest = '';
    const timer = setInterval(() => {
      line(`${indent}... ${title}${detail(latest)} (${formatDuration(now() - since)})`);
    }, STILL_MS);
    timer.unref();
    open.add(timer);
    const end = (word: string, text: string) => {
      if (!open.delete(timer)) return;
      clearInterval(timer);
      line(`${indent}${word} ${title}${detail(text)} (${formatDuration(now() - since)})`);
    };
    return {
      progress: (text) => {
        latest = printable(text);
      },
      done: (text = '') => end('ok  ', text),
      same: (text = '') => end('same', text),
      failed: (text = '') => end('FAIL', text),
    };
  };
  return {
    task,
    note: (text) => line(text),
    warn: (text) => line(`Warning: ${text}`),
    json: () => {},
    text: (lines) => lines.forEach(line),
    close: () => {
      for (const timer of open) clearInterval(timer);
      open.clear();
    },
  };
}

const detail = (text: string) => (text === '' ? '' : `: ${text}`);
