/**
 * What a command tells about its work while it runs. A task is one line: it begins, may say how far it is, and
 * ends. Three ways to show it: redrawn in place on a terminal (live.ts), one line at each end (plain.ts), JSON
 * lines (json.ts).
 */
export interface Task {
  /** What it is doing right now; the newest word replaces the last. */
  progress(text: string): void;
  /** It worked; `text` says what came of it. */
  done(text?: string): void;
  /** Nothing had to be done: shown less, or not at all. */
  same(text?: string): void;
  /** It did not work; `text` says why in one line. */
  failed(text?: string): void;
}

export interface Display {
  /** Begins a task. `level` indents tasks that are part of another one. */
  task(title: string, level?: 0 | 1): Task;
  /** A line for people: what was decided and why. */
  note(text: string): void;
  warn(text: string): void;
  /** A machine-readable event; only shown by the JSON form. */
  json(event: Readonly<Record<string, unknown>>): void;
  /** Lines of the command's result for people; the JSON form leaves them out. */
  text(lines: readonly string[]): void;
  /** Gives the terminal up: nothing is redrawn afterwards. Tasks that have not ended are left as they are. */
  close(): void;
}

/** What to do with a display that is asked of by a command's options and what stdout is. */
export type Form = 'live' | 'plain' | 'json';

export function chooseForm(
  options: { json: boolean },
  stream: { isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): Form {
  if (options.json) return 'json';
  const steerable = stream.isTTY === true && environment.TERM !== 'dumb';
  return steerable ? 'live' : 'plain';
}
