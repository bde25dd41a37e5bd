import { stripVTControlCharacters } from 'node:util';
import { formatDuration } from './duration.ts';
import { styleFor } from './style.ts';
import { displayWidth, printable } from './table.ts';
import type { Display, Task } from './tasks.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;
const TITLE_WIDTH = 30;
const TIME_WIDTH = 9;

interface Running {
  readonly title: string;
  readonly level: number;
  readonly since: number;
  progress: string;
}

/** Shows tasks on a terminal: finished ones scroll away upwards, running ones are redrawn below with their time. */
export function liveDisplay(stream: NodeJS.WriteStream, now = () => performance.now()): Display {
  const style = styleFor(stream);
  const running = new Set<Running>();
  let drawn = 0;
  let frame = 0;
  let closed = false;

  const columns = () => Math.max(40, stream.columns ?? 80);
  const erase = () => (drawn > 0 ? `\u001b[${drawn}A\u001b[0J` : '');
  // Title, time, text: the time keeps its place while the text changes.
  const row = (sign: string, task: Running, text: string) => {
    const room = TITLE_WIDTH - 2 * task.level;
    const title = `${'  '.repeat(task.level + 1)}${sign} ${task.title}`;
    const gap = ' '.repeat(Math.max(1, room - displayWidth(task.title)));
    const time = style.dim(formatDuration(now() - task.since).padStart(TIME_WIDTH));
    const head = `${title}${gap}${time}  `;
    return `${head}${clip(text, columns() - 1 - displayWidth(head))}`.trimEnd();
  };
  const footer = () => {
    const most = Math.max(3, (stream.rows ?? 24) - 2);
    const sign = style.accent(FRAMES[frame % FRAMES.length] ?? '');
    return [...running].slice(-most).map((task) => row(sign, task, style.dim(task.progress)));
  };
  const draw = (above: readonly string[] = []) => {
    if (closed) {
      for (const line of above) stream.write(`${line}\n`);
      return;
    }
    const below = footer();
    stream.write(erase() + [...above, ...below].map((line) => `${line}\n`).join(''));
    drawn = below.length;
  };
  const timer = setInterval(() => {
    if (running.size === 0) return;
    frame += 1;
    draw();
  }, FRAME_MS);
  timer.unref();
  const showCursor = () => stream.write('\u001b[?25h');
  stream.write('\u001b[?25l');
  process.once('exit', showCursor);

  const task = (title: string, level: 0 | 1 = 0): Task => {
    const entry: Running = { title, level, since: now(), progress: '' };
    running.add(entry);
    draw();
    const end = (sign: string, text: string) => {
      if (!running.delete(entry)) return;
      draw([row(sign, entry, text)]);
    };
    return {
      progress: (text) => {
        entry.progress = printable(text);
      },
      done: (text = '') => end(style.good('✓'), text),
      // Resources that are as they should be are counted at the end; a line for each would hide the others.
      same: (text = '') => {
        if (level === 0) end(style.good('✓'), text);
        else if (running.delete(entry)) draw();
      },
      failed: (text = '') => end(style.bad('✗'), style.bad(text)),
    };
  };
  return {
    task,
    note: (text) => draw(indented(text).map((line) => style.dim(line))),
    warn: (text) => draw(indented(text).map((line) => style.warning(line))),
    json: () => {},
    text: (lines) => draw(lines),
    close: () => {
      if (closed) return;
      draw();
      closed = true;
      clearInterval(timer);
      process.removeListener('exit', showCursor);
      showCursor();
    },
  };
}

const indented = (text: string) => text.split('\n').map((line) => `  ${line}`);

/** The beginning of a text that fits into so many columns; colours are dropped only where it is cut. */
function clip(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  if (columns < 2) return '';
  let width = 0;
  let kept = '';
  for (const character of stripVTControlCharacters(text)) {
    width += displayWidth(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
