/** What no password of a production stack may be. Nothing said here quotes a password. */

/** Fewer characters are guessed in an afternoon once a hash or a log-in page is within reach. */
export const SHORTEST_PASSWORD = 12;

/**
 * Passwords of quick starts, sample files and the first page of every guessing list, in small letters and without
 * what is often put behind them.
 */
const DEFAULTS = [
  'admin',
  'administrator',
  'changeit',
  'changeme',
  'changethis',
  'default',
  'demo',
  'dremio',
  'dremioadmin',
  'example',
  'guest',
  'lakehouse',
  'letmein',
  'minioadmin',
  'mypassword',
  'passw0rd',
  'password',
  'placeholder',
  'pleasechangeme',
  'qwerty',
  'qwertyuiop',
  'root',
  'secret',
  'test',
  'welcome',
  'yourpassword',
];

/**
 * Everything that is wrong with a password, in words that fit behind "it" or "the password"; empty = none. A default
 * stays one with digits and marks around it, in capitals, or written several times; digits alone are one too.
 * @param username the password's user, whose name is the first guess
 */
export function passwordProblems(password: string, username?: string): string[] {
  const word = plain(password);
  const isDefault = /^\d+$/.test(word) || DEFAULTS.some((known) => isWorn(word, known));
  const isName = username !== undefined && isWorn(word, plain(username));
  return [
    ...(password.length < SHORTEST_PASSWORD
      ? [`has less than ${SHORTEST_PASSWORD} characters`]
      : []),
    ...(isDefault ? ['is a default that everyone tries first'] : []),
    ...(isName && !isDefault ? ['is the name of its user'] : []),
    ...(new Set(password).size < 4 && password !== '' ? ['repeats the same few characters'] : []),
  ];
}

const plain = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** A known word, repeated or not, with nothing but digits around it. */
const isWorn = (word: string, known: string): boolean =>
  known !== '' && new RegExp(`^\\d*(?:${known})+\\d*$`).test(word);
