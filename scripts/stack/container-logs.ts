import type Docker from 'dockerode';
import type { StackContainer } from './containers.ts';

/** Calls `onLine` with each line of a container's log; ends with the log, or never when it is followed. */
export async function readLogs(
  docker: Docker,
  { id }: StackContainer,
  options: { follow: boolean; tail: number },
  onLine: (line: string) => void,
): Promise<void> {
  const common = { stdout: true, stderr: true, tail: options.tail };
  const container = docker.getContainer(id);
  const split = lineSplitter(onLine);
  if (!options.follow) {
    for (const chunk of frames(await container.logs({ ...common, follow: false })))
      split.write(chunk);
    split.end();
    return;
  }
  const stream = await container.logs({ ...common, follow: true });
  docker.modem.demuxStream(stream, split as never, split as never);
  await new Promise((resolve) => stream.on('end', resolve).on('error', resolve));
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
