/**
 * Settings of a service: declared once, with their documentation, and read once from the environment.
 * Every problem is reported at once. A setting that carries a secret names a file (`…_FILE`).
 */

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

interface Common {
  variable: string;
  doc: string;
  fallback?: string;
}
type Optional = Common & { optional: true };
type Wanted = Common & { optional?: false };

/** Makes one constructor for required settings and for optional ones, whose value may be undefined. */
function kind<T, X = unknown>(
  describe: (options: X) => string,
  parse: (text: string, options: X) => T | undefined,
  file?: 'secret' | 'text',
) {
  function make(options: Wanted & X): Setting<T>;
  function make(options: Optional & X): Setting<T | undefined>;
  function make(options: (Wanted | Optional) & X): Setting<T | undefined> {
    return {
      variable: options.variable,
      doc: options.doc,
      allowed: describe(options),
      ...(options.fallback === undefined ? {} : { fallback: options.fallback }),
      optional: options.optional ?? false,
      ...(file === undefined ? {} : { file }),
      parse: (text) => parse(text, options),
    };
  }
  return make;
}

interface Range {
  min?: number;
  max?: number;
  /** Unit of the number, for people: 'seconds', 'bytes'. */
  unit?: string;
}

const range = (what: string, { min, max, unit }: Range) => {
  const bounds =
    min !== undefined && max !== undefined
      ? ` from ${min} to ${max}`
      : min !== undefined
        ? ` of at least ${min}`
        : max !== undefined
          ? ` of at most ${max}`
          : '';
  return `${what}${bounds}${unit ? ` (${unit})` : ''}`;
};

const inRange = (value: number, { min, max }: Range) =>
  Number.isFinite(value) &&
  (min === undefined || value >= min) &&
  (max === undefined || value <= max)
    ? value
    : undefined;

const httpUrl = (text: string) => {
  const url = URL.parse(text);
  if (!url || !['http:', 'https:'].includes(url.protocol)) return undefined;
  return url.username || url.password ? undefined : url;
};

interface Words {
  /** Whether a word may be in the list, and what words may, in words that fit behind "expected". */
  word?: { test(word: string): boolean; allowed: string };
}

const words = (text: string, { word }: Words) => {
  const list = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (word && (list.length === 0 || !list.every((part) => word.test(part)))) return undefined;
  return list;
};

const absolute = (text: string) => (text.startsWith('/') ? text : undefined);

function oneOf<const C extends readonly string[]>(
  options: Wanted & { choices: C },
): Setting<C[number]> {
  return kind<C[number], { choices: C }>(
    ({ choices }) => `one of ${choices.join(', ')}`,
    (text, { choices }) => choices.find((choice) => choice === text),
  )(options);
}

/** Constructors of settings, by kind of value. */
export const setting = {
  text: kind<string, { pattern?: RegExp; allowed?: string }>(
    ({ allowed, pattern }) => allowed ?? (pattern ? `text matching ${pattern}` : 'text'),
    (text, { pattern }) => (pattern && !pattern.test(text) ? undefined : text),
  ),
  url: kind<URL, object>(() => 'an http or https URL without user name and password', httpUrl),
  integer: kind<number, Range>(
    (options) => range('a whole number', options),
    (text, options) => (/^-?\d+$/.test(text) ? inRange(Number(text), options) : undefined),
  ),
  number: kind<number, Range>(
    (options) => range('a number', options),
    (text, options) => (/^-?\d+(\.\d+)?$/.test(text) ? inRange(Number(text), options) : undefined),
  ),
  flag: kind<boolean, object>(
    () => 'true or false',
    (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  ),
  list: kind<readonly string[], Words>(
    ({ word }) => `${word?.allowed ?? 'words'}, separated by commas`,
    words,
  ),
  path: kind<string, { allowed?: string }>(
    ({ allowed }) => allowed ?? 'an absolute path',
    absolute,
  ),
  /** A file that may be read by others, such as certificates. */
  textFile: kind<string, { content: string }>(
    ({ content }) => `the absolute path of a file with ${content}`,
    absolute,
    'text',
  ),
  /** A file with a secret, which is refused in the environment. */
  secretFile: kind<string, { content: string }>(
    ({ content }) => `the absolute path of a file with ${content}`,
    absolute,
    'secret',
  ),
  oneOf,
} as const;
