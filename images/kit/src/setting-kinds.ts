/** Constructors of settings, by kind of value: what each allows in words, and how its text is parsed. */
import type { Setting } from './settings.ts';

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
