/** What clients noticed of a rotation, for people. */
import type { Noticed } from '../mcp/probe.ts';
import { formatDuration } from '../terminal/duration.ts';
import type { Style } from '../terminal/style.ts';
import { printable, tableLines } from '../terminal/table.ts';

/** What the calls with one key noticed; `began` is when they began, in ms after the rotation did. */
export interface KeyReport {
  readonly key: 'old' | 'new' | 'present';
  readonly began: number;
  readonly noticed: Noticed;
}

/** A table of the calls, and the longest failure in words. */
export function reportLines(reports: readonly KeyReport[], style: Style): string[] {
  const rows = reports.map(({ key, began, noticed }) => [
    key,
    String(noticed.calls),
    noticed.failed === 0 ? style.good('0') : style.bad(String(noticed.failed)),
    workedText(noticed, began),
  ]);
  return [
    ...tableLines(['Key', 'Calls', 'Failed', 'Worked'], rows, {
      rule: true,
      right: new Set([1, 2]),
    }),
    ...reports.flatMap(({ key, noticed }) => failureLines(key, noticed, style)),
  ];
}

function workedText({ firstSuccess, lastSuccess }: Noticed, began: number): string {
  if (firstSuccess === null || lastSuccess === null) return 'never';
  const at = (milliseconds: number) => formatDuration(began + milliseconds);
  return `from ${at(firstSuccess)} to ${at(lastSuccess)}`;
}

function failureLines(
  key: string,
  { failed, longestGap, lastFailure }: Noticed,
  style: Style,
): string[] {
  if (failed === 0) return [];
  const gap = longestGap > 0 ? `, for ${formatDuration(longestGap)} at the longest` : '';
  const why = lastFailure === null ? '' : `: ${printable(lastFailure)}`;
  return [style.warning(`${failed} calls with the ${key} key failed${gap}${why}`)];
}
