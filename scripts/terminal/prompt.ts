import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandError, EXIT } from '../command-error.ts';
import { shortKey } from '../config/keys.ts';

/**
 * Gets secrets by name: asked for on the terminal one by one without showing what is typed, or, when stdin is not
 * a terminal, read from it, one line each in the order of the names.
 * @throws CommandError when one is missing or empty (exit 2), or the user pressed Ctrl-C (exit 130).
 */
export async function readSecrets(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const secrets = new Map<string, string>();
  const piped = process.stdin.isTTY ? undefined : await lines(process.stdin, names.length);
  for (const [index, key] of names.entries()) {
    const name = shortKey(key);
    const value =
      piped === undefined ? await askUnseen(`${name} (not shown): `) : (piped[index] ?? '');
    if (value === undefined)
      throw new CommandError(`Interrupted: no value for ${name}.`, { exitCode: EXIT.interrupted });
    if (value === '')
      throw new CommandError(`No value for ${name}: nothing was typed or piped in.`, {
        exitCode: EXIT.usage,
        advice: [
          `Type it when asked, or pipe it in as one line: … | npm run up -- --set-secret ${name}`,
        ],
      });
    secrets.set(key, value);
  }
  return secrets;
}

/** Asks a yes-or-no question on the terminal; anything but y or yes means no. */
export async function askYes(question: string): Promise<boolean> {
  const answer = await readLine(`${question} [y/N] `, process.stderr);
  return /^y(es)?$/i.test(answer?.trim() ?? '');
}

async function askUnseen(question: string): Promise<string | undefined> {
  process.stderr.write(question);
  // readline echoes what is typed to its output: give it one that shows nothing.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    return await readLine('', nowhere);
  } finally {
    process.stderr.write('\n');
  }
}

/** One line from the terminal; `undefined` after Ctrl-C or at the end of the input. */
function readLine(question: string, output: NodeJS.WritableStream): Promise<string | undefined> {
  return new Promise((resolve) => {
    const reader = createInterface({
      input: process.stdin,
      output,
      terminal: true,
      historySize: 0,
    });
    reader.on('SIGINT', () => reader.close());
    reader.on('close', () => resolve(undefined));
    reader.question(question, (answer) => {
      resolve(answer);
      reader.close();
    });
  });
}

/** The first lines of a stream, without their ends; fewer when it ends before. */
export async function lines(
  stream: AsyncIterable<Buffer | string>,
  count: number,
): Promise<string[]> {
  let text = '';
  for await (const chunk of stream) {
    text += chunk.toString();
    if (text.split('\n').length > count) break;
  }
  return text
    .split('\n')
    .slice(0, count)
    .map((line) => line.replace(/\r$/, ''));
}
