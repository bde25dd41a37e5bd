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
  const { raw, unusable } = await rawOf(config);
  // Loads Pulumi's SDK, which takes a moment.
  const { productionProblems } = await import('../../infra/config/production.ts');
  const { readSource } = await import('../../infra/config/source.ts');
  const sentences: string[] = [];
  readSource(raw as Raw, (key) => config.has(key), sentences);
  sentences.push(
    ...relationProblems(raw),
    ...productionProblems(raw, { stack: config.files.stack, now: Date.now(), preview: false }),
  );
  // What cannot be used is there: that it "is not set" would send its owner the wrong way.
  const isTold = (sentence: string) =>
    unusable.some((key) => sentence.startsWith(`"${key}" is not set`));
  return [
    ...keyProblems(config),
    ...unusable.map(secretProblem),
    ...sentences
      .filter((sentence) => !isTold(sentence))
      .map((sentence) => new CommandError(sentence, { exitCode: EXIT.usage })),
  ];
}

const secretProblem = (key: Key) =>
  new CommandError(
    `"${key}" cannot be used as it is set; expected ${keys[key].allowed}. Set it anew: npm run up -- --set-secret ${key}`,
    { exitCode: EXIT.usage },
  );

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

/** Every value that can be used, and the secrets that cannot. */
async function rawOf(config: StackConfig): Promise<{ raw: Partial<Raw>; unusable: Key[] }> {
  const raw: Record<string, unknown> = {};
  const unusable: Key[] = [];
  for (const key of Object.keys(keys) as Key[]) {
    const isSecret = isSecretKey(`${NAMESPACE}:${key}`);
    const text = isSecret ? await config.getSecret(key) : config.get(key);
    const value = text === undefined ? undefined : keys[key].parse(text);
    if (value !== undefined) raw[key] = value;
    else if (isSecret && text) unusable.push(key);
  }
  return { raw: raw as Partial<Raw>, unusable };
}
