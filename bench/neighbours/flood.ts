/** A server that complains without end: 1 MiB to its standard error twenty times a second, and answers beside it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB } from '../measure.ts';
import { ECHO_CHILD, type Started } from '../proxy/contender.ts';

const LINE = `${'a complaint of the server, of the length that a line of a log often has; '.repeat(2).trim()}\n`;

export interface Flood extends AsyncDisposable {
  /** The executable that the proxy starts. */
  readonly command: string;
}

export async function floodingServer(): Promise<Flood> {
  const folder = await mkdtemp(join(tmpdir(), 'lakehouse-bench-flood-'));
  const [command, text] = [join(folder, 'child'), join(folder, 'text')];
  await writeFile(text, LINE.repeat(MIB / LINE.length));
  // Both are of one process group, which ends together.
  const script = `#!/bin/sh
while :; do cat '${text}' >&2; sleep 0.05; done &
exec '${process.execPath}' '${ECHO_CHILD}' "$@"
`;
  await writeFile(command, script, { mode: 0o755 });
  return { command, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** Counts the lines of the log, from now on, that hold a line of the server's. */
export function countComplaints({ process: { stdout } }: Started): () => number {
  let count = 0;
  stdout?.on('data', (piece: Buffer | string) => {
    count += String(piece).split('"event":"child_stderr"').length - 1;
  });
  return () => count;
}
