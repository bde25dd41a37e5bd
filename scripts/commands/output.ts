import { nearest } from '../../infra/config/nearest.ts';
import { CommandError, EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import type { StackOutput } from '../engine/deployment.ts';
import { notDeployed, openSession, requireDeployment } from '../session.ts';
import { quietDisplay } from '../terminal/quiet.ts';
import { tableLines } from '../terminal/table.ts';

export interface OutputOptions {
  readonly stack: string;
  readonly name?: string;
  readonly showSecrets: boolean;
  readonly json: boolean;
}

/** Prints the outputs of a stack, or one of them; secret ones only when asked. */
export async function output(project: string, options: OutputOptions): Promise<void> {
  const session = await openSession(project, options.stack);
  const signal = new AbortController().signal;
  const deployment = await requireDeployment(session, quietDisplay(), signal);
  const outputs = await deployment.outputs();
  if (Object.keys(outputs).length === 0) throw notDeployed(session.files);
  process.stdout.write(`${outputText(outputs, options)}\n`);
}

const HIDDEN = '[secret]';

/** The text to print. @throws CommandError when the name is unknown, or secret and not asked to be shown. */
export function outputText(
  outputs: Readonly<Record<string, StackOutput>>,
  options: Omit<OutputOptions, 'stack'> & { readonly stack?: string },
): string {
  const { name, showSecrets, json } = options;
  const visible = ({ secret, value }: StackOutput) => (secret && !showSecrets ? HIDDEN : value);
  if (name === undefined) {
    const values = Object.entries(outputs).map(([key, found]) => [key, visible(found)] as const);
    if (json) return JSON.stringify(Object.fromEntries(values), undefined, 2);
    return tableLines(
      ['Output', 'Value'],
      values.map(([key, value]) => [
        key,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
      { rule: true, widest: 2000 },
    ).join('\n');
  }
  const found = outputs[name];
  if (found === undefined) {
    const meant = nearest(name, Object.keys(outputs));
    throw new CommandError(
      `There is no output "${name}".${meant === undefined ? '' : ` Did you mean "${meant}"?`}`,
      { exitCode: EXIT.usage, advice: [`Outputs: ${Object.keys(outputs).join(', ')}`] },
    );
  }
  if (found.secret && !showSecrets)
    throw new CommandError(`The output "${name}" is secret.`, {
      exitCode: EXIT.usage,
      advice: [
        `Show it: ${commandFor(options.stack ?? 'dev', 'output', `${name} --show-secrets`).replace('npm run', 'npm run -s')}`,
      ],
    });
  return json ? JSON.stringify(found.value) : plainText(found.value);
}

/** Text as it is; a map of texts as lines of `name: value`; anything else as JSON. */
function plainText(value: unknown): string {
  if (typeof value === 'string') return value;
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (entries.length > 0 && entries.every(([, text]) => typeof text === 'string'))
    return entries.map(([name, text]) => `${name}: ${text}`).join('\n');
  return JSON.stringify(value, undefined, 2);
}
