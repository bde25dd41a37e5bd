import type { Display } from './tasks.ts';

/** Shows everything as JSON lines: `time` (RFC 3339), `kind`, and what belongs to the kind. */
export function jsonDisplay(stream: NodeJS.WritableStream, now = () => new Date()): Display {
  const write = (event: Readonly<Record<string, unknown>>) =>
    stream.write(`${JSON.stringify({ time: now().toISOString(), ...event })}\n`);
  return {
    task: (title, level = 0) => {
      const since = now().getTime();
      // Resources have events of their own, with their URN.
      if (level > 0) return silent;
      write({ kind: 'step', step: title, status: 'started' });
      const end = (status: string) => (text?: string) =>
        write({
          kind: 'step',
          step: title,
          status,
          ...(text === undefined ? {} : { message: text }),
          durationMs: now().getTime() - since,
        });
      return { progress: () => {}, done: end('done'), same: end('same'), failed: end('failed') };
    },
    note: (text) => write({ kind: 'message', severity: 'info', message: text }),
    warn: (text) => write({ kind: 'message', severity: 'warning', message: text }),
    json: write,
    text: () => {},
    close: () => {},
  };
}

const silent = { progress: () => {}, done: () => {}, same: () => {}, failed: () => {} };
