/**
 * Settings of a service: declared once, with their documentation, and read once from the environment.
 * Every problem is reported at once. A setting that carries a secret names a file (`…_FILE`).
 */

export { setting } from './setting-kinds.ts';

/** One setting: where it comes from, what it means, what it may be. */
export interface Setting<T> {
  /** Name of the environment variable. */
  readonly variable: string;
  /** What the setting does, for people; the unit is named where there is one. */
  readonly doc: string;
  /** What is allowed, in words that fit behind "expected". */
  readonly allowed: string;
  /** Value when the variable is unset or empty, as it would be typed; absent = none. */
  readonly fallback?: string;
  /** True when the service works without a value. */
  readonly optional: boolean;
  /** What the file holds when the value is its path; the variable without `_FILE` is then refused. */
  readonly file?: 'secret' | 'text';
  /** Turns text into the value; `undefined` means "not allowed". */
  parse(text: string): T | undefined;
}

export type Schema = Readonly<Record<string, Setting<unknown>>>;
export type Values<S extends Schema> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

/** What is wrong with the settings, all at once; `problems` has one line for each. */
export class SettingsError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `${problems.length === 1 ? 'a setting is' : 'settings are'} wrong:\n- ${problems.join('\n- ')}`,
    );
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

/** What the environment gives: the settings that could be read, and a line for each problem. */
export interface Inspection<S extends Schema> {
  /** A setting that is missing or wrong has no key; an optional one that is unset is `undefined`. */
  readonly values: Partial<Values<S>>;
  readonly problems: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads what can be read of `schema` from `environment`; an empty variable counts as unset. */
export function inspectSettings<S extends Schema>(
  schema: S,
  environment: Environment,
): Inspection<S> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(schema)) {
    const found = inspect(setting, environment);
    problems.push(...found.problems);
    if ('value' in found) values[key] = found.value;
  }
  return { values: Object.freeze(values) as Partial<Values<S>>, problems };
}

/**
 * Reads every setting of `schema` from `environment`; an empty variable counts as unset.
 * @throws SettingsError naming every variable that is missing or not allowed.
 */
export function readSettings<S extends Schema>(schema: S, environment: Environment): Values<S> {
  const { values, problems } = inspectSettings(schema, environment);
  if (problems.length > 0) throw new SettingsError(problems);
  return values as Values<S>;
}

interface Found {
  readonly value?: unknown;
  readonly problems: readonly string[];
}

function inspect(setting: Setting<unknown>, environment: Environment): Found {
  const { variable, fallback, optional, allowed, doc } = setting;
  const given = environment[variable] || undefined;
  const problems = contentInsteadOfFile(setting, environment);
  const text = given ?? fallback;
  if (text === undefined) {
    if (optional) return { value: undefined, problems };
    // Content in the place of the file already says what is missing.
    if (problems.length > 0) return { problems };
    return { problems: [`${variable} is not set; expected ${allowed}: ${doc}`] };
  }
  const stray = strayCharacters(text);
  if (stray !== undefined)
    return { problems: [...problems, `${variable} ${stray}${quoted(setting, text)}; ${CLEAN}`] };
  const value = setting.parse(text);
  if (value !== undefined) return { value, problems };
  return { problems: [...problems, `${variable} is ${shown(setting, text)}; expected ${allowed}`] };
}

/** A problem when the content of a file stands in the environment, under the name without `_FILE`. */
function contentInsteadOfFile(
  { variable, file, allowed }: Setting<unknown>,
  environment: Environment,
): string[] {
  const bare = variable.replace(/_FILE$/, '');
  if (file === undefined || bare === variable || !environment[bare]) return [];
  const why =
    file === 'secret'
      ? 'a secret does not belong in the environment, where "docker inspect" and every child process show it'
      : 'it is not a setting, and would be left aside';
  return [`${bare} is set (not shown), but ${why}; unset it, and set ${variable} to ${allowed}`];
}

const CLEAN =
  'expected the value alone: write it again without that; a file or an editor often brings a last line break along';

/** What a value has that nobody means and URL.parse or a login would pass over or stumble on. */
function strayCharacters(text: string): string | undefined {
  if (text.trim() === '') return 'is nothing but white space';
  if (/[\r\n]\s*$/.test(text)) return 'ends with a line break';
  if (/\s$/.test(text)) return 'ends with white space';
  if (/^\s/.test(text)) return 'begins with white space';
  if (/[\r\n]/.test(text)) return 'has a line break in it';
  if (/\p{Cc}/u.test(text)) return 'has a control character in it';
  return undefined;
}

/** Not to be shown: what may be a secret in the wrong place, or hold one. */
const mayBeSecret = ({ variable }: Setting<unknown>, text: string) =>
  variable.endsWith('_FILE') || text.includes('@');

const quoted = (setting: Setting<unknown>, text: string) =>
  mayBeSecret(setting, text) ? ' (not shown: it may be secret)' : `: ${JSON.stringify(text)}`;

const shown = (setting: Setting<unknown>, text: string) =>
  mayBeSecret(setting, text)
    ? 'set to something else (not shown: it may be secret)'
    : JSON.stringify(text);
