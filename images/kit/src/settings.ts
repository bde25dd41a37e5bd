/**
 * Settings of a service: declared once, with their documentation, and read once from the environment.
 * Every problem is reported in one error. A setting that carries a secret names a file (`…_FILE`).
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

/**
 * Reads every setting of `schema` from `environment`; an empty variable counts as unset.
 * @throws SettingsError naming every variable that is missing or not allowed.
 */
export function readSettings<S extends Schema>(
  schema: S,
  environment: Readonly<Record<string, string | undefined>>,
): Values<S> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(schema)) {
    const given = environment[setting.variable];
    const text = given === undefined || given === '' ? setting.fallback : given;
    if (text === undefined) {
      if (!setting.optional)
        problems.push(
          `${setting.variable} is not set; expected ${setting.allowed}: ${setting.doc}`,
        );
      continue;
    }
    const value = setting.parse(text);
    if (value === undefined)
      problems.push(`${setting.variable} is ${shown(setting, text)}; expected ${setting.allowed}`);
    else values[key] = value;
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return Object.freeze(values) as Values<S>;
}

/** A wrong value as an error may show it: not when it may be a secret in the wrong place, or hold one. */
function shown({ variable }: Setting<unknown>, text: string): string {
  const mayBeSecret = variable.endsWith('_FILE') || text.includes('@');
  return mayBeSecret ? 'set to something else (not shown: it may be secret)' : JSON.stringify(text);
}

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

const words = (text: string) =>
  text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');

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
  list: kind<readonly string[], object>(() => 'words separated by commas', words),
  path: kind<string, object>(
    () => 'an absolute path',
    (text) => (text.startsWith('/') ? text : undefined),
  ),
  oneOf,
} as const;
