import { type Key, keys, type Raw } from '../../infra/config/keys.ts';
import { relationProblems } from '../../infra/config/relations.ts';
import { CommandError, EXIT, messageOf } from '../command-error.ts';
import { fullKey, isSecretKey, NAMESPACE, shortKey, whatIsAllowed } from '../config/keys.ts';
import type { StackConfig } from '../config/stack-config.ts';

/**
 * Everything that is wrong with the settings of a stack, by the rules of the program itself, so that it is told
 * together with what is wrong with the machine. Secret values are never part of it.
 */
export async function settingsProblems(config: StackConfig): Promise<CommandError[]> {
  const raw = await rawOf(config);
  // Loads Pulumi's SDK, which takes a moment.
  const { productionProblems } = await import('../../infra/config/production.ts');
  const { readSource } = await import('../../infra/config/source.ts');
  const sentences: string[] = [];
  readSource(raw as Raw, (key) => config.has(key), sentences);
  sentences.push(
    ...relationProblems(raw),
    ...productionProblems(raw, { stack: config.files.stack, now: Date.now(), preview: false }),
  );
  return [
    ...keyProblems(config),
    ...sentences.map((sentence) => new CommandError(sentence, { exitCode: EXIT.usage })),
  ];
}

/** Keys that are not known, and plain values that are not allowed. */
export function keyProblems(config: StackConfig): CommandError[] {
  return config.keys().flatMap((full) => {
    const short = shortKey(full);
    const problem = (message: string) => [
      new CommandError(message, {
        exitCode: EXIT.usage,
        advice: [`npm run up -- --unset ${short}`],
      }),
    ];
    try {
      fullKey(full);
    } catch (error) {
      return full.startsWith(`${NAMESPACE}:`) ? problem(messageOf(error)) : [];
    }
    const value = isSecretKey(full) ? undefined : config.get(full);
    const allowed = value === undefined ? undefined : whatIsAllowed(full, value);
    return allowed === undefined ? [] : problem(`${short} is "${value}"; expected ${allowed}`);
  });
}

async function rawOf(config: StackConfig): Promise<Partial<Raw>> {
  const raw: Record<string, unknown> = {};
  for (const key of Object.keys(keys) as Key[]) {
    const text = isSecretKey(`${NAMESPACE}:${key}`) ? await config.getSecret(key) : config.get(key);
    const value = text === undefined ? undefined : keys[key].parse(text);
    if (value !== undefined) raw[key] = value;
  }
  return raw as Partial<Raw>;
}
