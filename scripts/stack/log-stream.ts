/** Reads what the engine answers to a request for logs. */
import type Docker from 'dockerode';

/** A line with the time that the engine puts before it. */
export interface TimedLine {
  readonly time: string;
  readonly text: string;
}

/** What the engine is asked for; `timestamps` is what `timedLine` reads. */
export const logQuery = (options: { follow: boolean; tail: number }) => ({
  stdout: true,
  stderr: true,
  timestamps: true,
  tail: options.tail,
  follow: options.follow,
});

/** Calls `onLine` with each line of an answer: a whole one, or one that goes on until the engine ends it. */
export async function readLines(
  docker: Docker,
  answer: Buffer | NodeJS.ReadableStream,
  onLine: (line: TimedLine) => void,
): Promise<void> {
  const split = lineSplitter((line) => onLine(timedLine(line)));
  if (Buffer.isBuffer(answer)) {
    for (const chunk of frames(answer)) split.write(chunk);
  } else {
    docker.modem.demuxStream(answer, split as never, split as never);
    await new Promise((resolve) => answer.on('end', resolve).on('error', resolve));
  }
  split.end();
}

/** Contents of the engine's frames: 8 bytes of header, the last four the length (Docker Engine API, attach). */
function* frames(buffer: Buffer): Generator<Buffer> {
  for (let at = 0; at + 8 <= buffer.length; ) {
    const length = buffer.readUInt32BE(at + 4);
    yield buffer.subarray(at + 8, at + 8 + length);
    at += 8 + length;
  }
}

/** Splits the engine's time from a line; a line without one keeps an empty time. */
export function timedLine(line: string): TimedLine {
  const found = /^(\d{4}-\d\d-\d\dT\S+) ([\s\S]*)$/.exec(line);
  return found === null ? { time: '', text: line } : { time: found[1] ?? '', text: found[2] ?? '' };
}

function lineSplitter(onLine: (line: string) => void) {
  const decoder = new TextDecoder();
  let unfinished = '';
  return {
    write(chunk: Buffer) {
      const lines = (unfinished + decoder.decode(chunk, { stream: true })).split('\n');
      unfinished = lines.pop() ?? '';
      for (const line of lines) onLine(line);
      return true;
    },
    end() {
      if (unfinished !== '') onLine(unfinished);
      unfinished = '';
    },
  };
}

/**
 * Reads several logs at once. Lines of whole logs come sorted by time; those of logs that go on come as they come.
 */
export async function merged<T extends { readonly time: string }>(
  follow: boolean,
  readers: readonly ((onLine: (line: T) => void) => Promise<void>)[],
  onLine: (line: T) => void,
): Promise<void> {
  const lines: T[] = [];
  const take = follow ? onLine : (line: T) => void lines.push(line);
  await Promise.all(readers.map((read) => read(take)));
  // The sort is stable: lines of one moment stay as their service wrote them.
  for (const line of lines.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)))
    onLine(line);
}
