import type { Style } from './style.ts';
import { printable } from './table.ts';

/** Fields that the line shows in places of their own. */
const SHOWN = new Set(['time', 'level', 'service', 'event', 'version', 'pid']);

/** A service's JSON log line as people read it: time, level, event, the rest; any other line as it is. */
export function logLine(line: string, style: Style): string {
  const entry = parseLogLine(line);
  if (entry === undefined) return printable(line);
  const { time, level, event } = entry;
  const fields = Object.entries(entry)
    .filter(([name, value]) => !SHOWN.has(name) && value !== undefined)
    .map(([name, value]) => `${style.dim(`${name}=`)}${printable(text(value))}`);
  return [
    style.dim(typeof time === 'string' ? time.slice(11, 23) : ''),
    paint(String(level ?? ''), style),
    style.bold(printable(String(event ?? ''))),
    ...fields,
  ].join(' ');
}

function paint(level: string, style: Style): string {
  const word = level.toUpperCase().padEnd(5);
  if (level === 'error' || level === 'fatal') return style.bad(word);
  return level === 'warn' ? style.warning(word) : style.dim(word);
}

const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

/** The JSON object that a line is, or `undefined`. */
export function parseLogLine(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
