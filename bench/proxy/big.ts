/** A large answer: the memory it takes, and what the calls beside it feel. */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { MIB, residentBytes } from '../measure.ts';
import { McpClient } from './client.ts';
import { type Contender, start } from './contender.ts';
import { load } from './load.ts';
import { BIG_ANSWERS } from './parameters.ts';
import { median } from './throughput.ts';

const BIG_BYTES = 15 * MIB;
const NEIGHBOURS = 4;
const PAUSE_MS = 1_000;
const LOAD_MS = 4_000;

/** The highest resident memory since the last reset. */
const peakBytes = (pid: number) =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
const resetPeak = (pid: number) => writeFileSync(`/proc/${pid}/clear_refs`, '5');

export interface BigAnswer {
  /** Extra memory at its peak, in sizes of the answer. */
  readonly sizes: number;
  /** p95 of the calls beside it, in p95 of the same calls alone. */
  readonly neighbours: number;
}

/** Medians over a few answers, one a second. */
export async function bigAnswer(contender: Contender): Promise<BigAnswer> {
  const started = await start(contender);
  const { pid, target } = started;
  const client = new McpClient(target, 1);
  const session = await client.open();
  const peaks: number[] = [];
  const one = async () => {
    const before = residentBytes(pid);
    resetPeak(pid);
    const { length } = await client.call(session, 'big', { bytes: BIG_BYTES });
    if (length !== BIG_BYTES) throw new Error(`${length} bytes came; expected ${BIG_BYTES}`);
    peaks.push((peakBytes(pid) - before) / BIG_BYTES);
    await delay(PAUSE_MS);
  };
  for (let turn = 0; turn < BIG_ANSWERS; turn++) await one();
  const neighbours = { target, callers: NEIGHBOURS, forMs: LOAD_MS };
  const alone = await load(neighbours);
  let over = false;
  const beside = load(neighbours).finally(() => {
    over = true;
  });
  const sizes = median(peaks);
  while (!over) await one();
  const { p95 } = await beside;
  await client.close();
  await started.stop();
  return { sizes, neighbours: p95 / alone.p95 };
}
