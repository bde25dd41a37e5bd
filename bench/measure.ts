/** What the measurements share: memory and files of a process, quantiles, and a table with limits. */
import { readdirSync, readFileSync } from 'node:fs';

export const MIB = 1024 * 1024;

/** One line of a table; above `limit` the run fails. */
export interface Measure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly limit?: number;
}

/** Resident memory of a process in bytes; what it shares with others counts. */
export function residentBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Rss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * 1024;
}

/** How many file descriptors a process has open. */
export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** The value that a share of `values` does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Prints the measures as a table. @returns whether each keeps its limit */
export function report(measures: readonly Measure[]): boolean {
  const shown = (value: number) => (value >= 10 ? value.toFixed(0) : value.toFixed(1));
  console.table(
    measures.map(({ what, value, unit, limit }) => ({
      what,
      measured: `${shown(value)} ${unit}`,
      'at most': limit === undefined ? '' : `${limit} ${unit}`,
      '': limit === undefined || value <= limit ? '' : 'TOO MUCH',
    })),
  );
  return measures.every(({ value, limit }) => limit === undefined || value <= limit);
}
