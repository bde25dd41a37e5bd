import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandError, EXIT } from '../command-error.ts';
import { shortKey } from '../config/keys.ts';

/**
 * Gets secrets by name: asked for on the terminal one by one without showing what is typed, or, when stdin is not
 * a terminal, read from it in the order of the names, one line each, or PEM text to its last line.
 * @throws CommandError when one is missing or empty (exit 2), or the user pressed Ctrl-C (exit 130).
 */
export async function readSecrets(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const secrets = new Map<string, string>();
  const piped = process.stdin.isTTY ? undefined : await values(process.stdin, names.length);
  for (const [index, key] of names.entries()) {
    const name = shortKey(key);
    const value =
      piped === undefined ? await askUnseen(`${name} (not shown): `) : (piped[index] ?? '');
    if (value === undefined)
      throw new CommandError(`Interrupted: no value for ${name}.`, { exitCode: EXIT.interrupted });
    if (piped === undefined && PEM_BEGIN.test(value))
      throw new CommandError(`${name} has several lines, which a terminal does not take.`, {
        exitCode: EXIT.usage,
        advice: [`Give it from its file: npm run up -- --set-secret ${name} < key.pem`],
      });
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

/** The first values of a stream, without their line ends; fewer when it ends before. */
export async function values(
  stream: AsyncIterable<Buffer | string>,
  count: number,
): Promise<string[]> {
  let text = '';
  for await (const chunk of stream) {
    text += chunk.toString();
    const end = text.lastIndexOf('\n');
    if (end >= 0 && valuesOf(text.slice(0, end)).filter(isWhole).length >= count) break;
  }
  return valuesOf(text).slice(0, count);
}

const PEM_BEGIN = /^-----BEGIN /;
/** Parameters are followed by the key that they are for (`openssl ecparam -genkey`). */
const PEM_END = /^-----END (?!.* PARAMETERS-----).*-----$/;
const isWhole = (value: string) =>
  !PEM_BEGIN.test(value) || PEM_END.test(value.slice(value.lastIndexOf('\n') + 1));

/** A line is a value; PEM text is one until its last line (RFC 7468). */
function valuesOf(text: string): string[] {
  const found: string[] = [];
  for (const line of text.replace(/\r?\n$/, '').split(/\r?\n/)) {
    const last = found.at(-1);
    if (last !== undefined && !isWhole(last)) found[found.length - 1] = `${last}\n${line}`;
    else found.push(line);
  }
  return found;
}
