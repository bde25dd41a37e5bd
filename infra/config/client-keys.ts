/**
 * The keys of MCP clients as config has them: the text of the proxy's key file, with the proxy's rules
 * (docs/keys-and-audit.md), so that a deployment does not bring a file that the proxy refuses. Nothing said here
 * quotes a key, nor a name that is long enough to be one.
 */
import type { Kind } from './values.ts';

const SHORTEST_KEY = 16;
const MOST_IN_FLIGHT = 10_000;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const BEARER_TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
/** A tool's name, or the beginning of one with a `*` behind it. */
export const TOOL_PATTERN = /^(?=.)[^*\p{Cc}]{0,128}\*?$/u;

/** A client by name: its key, its keys, or its keys with what it may do. */
export type ClientKeys = Readonly<Record<string, string | string[] | { readonly keys: string[] }>>;

type Members = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The first key of each client, the current one. */
export function currentKeys(clients: ClientKeys): Record<string, string> {
  const first = (given: ClientKeys[string]) => {
    if (typeof given === 'string') return given;
    return (Array.isArray(given) ? given : given.keys)[0];
  };
  return Object.fromEntries(
    Object.entries(clients).map(([name, given]) => [name, first(given) ?? '']),
  );
}

export const clientKeys: Kind<ClientKeys> = {
  allowed: `a JSON object from name to key, of at least ${SHORTEST_KEY} characters, to a list of such keys, or to an object with keys, tools and maxInFlight`,
  example: '',
  parse: (text) => (clientKeyProblems(text).length === 0 ? JSON.parse(text) : undefined),
  problems: clientKeyProblems,
};

/** Everything that is wrong, in words that fit behind "it". */
export function clientKeyProblems(text: string): string[] {
  let clients: unknown;
  try {
    clients = JSON.parse(text);
  } catch {
    return ['is not JSON'];
  }
  if (!isObject(clients)) return ['is not a JSON object'];
  if (Object.keys(clients).length === 0) return ['holds no key'];
  return [
    ...(hasTwins(text) ? ['names something twice in one object'] : []),
    ...Object.entries(clients).flatMap(([name, given], index) => [
      ...(NAME.test(name)
        ? []
        : [
            `has a name (entry ${index + 1}) with other characters than letters, digits, dots, dashes and underscores, or more than 64`,
          ]),
      ...clientProblems(given).map((problem) => `${problem} (${shown(name, index + 1)})`),
    ]),
    ...(hasSharedKey(clients) ? ['has the same key twice'] : []),
  ];
}

const shown = (name: string, position: number) =>
  name.length < SHORTEST_KEY && NAME.test(name) ? `"${name}"` : `entry ${position}`;

function clientProblems(given: unknown): string[] {
  if (!isObject(given)) return keyProblems(Array.isArray(given) ? given : [given]);
  const { keys, tools, maxInFlight } = given;
  const limited = Number.isInteger(maxInFlight) && Number(maxInFlight) >= 1;
  return [
    ...unknownMembers(given, ['keys', 'tools', 'maxInFlight']),
    ...(Array.isArray(keys) ? keyProblems(keys) : ['has no list "keys"']),
    ...(tools === undefined ? [] : toolProblems(tools)),
    ...(maxInFlight === undefined || (limited && Number(maxInFlight) <= MOST_IN_FLIGHT)
      ? []
      : [`has a maxInFlight that is not a whole number from 1 to ${MOST_IN_FLIGHT}`]),
  ];
}

function keyProblems(keys: readonly unknown[]): string[] {
  if (keys.length === 0) return ['has no key'];
  return keys.flatMap((key) => {
    if (typeof key !== 'string') return ['has a key that is not text'];
    if (key.length < SHORTEST_KEY) return [`has a key of less than ${SHORTEST_KEY} characters`];
    return BEARER_TOKEN.test(key)
      ? []
      : ['has a key with other characters than letters, digits and -._~+/='];
  });
}

function toolProblems(tools: unknown): string[] {
  if (!isObject(tools)) return ['has "tools" that are not an object'];
  const { allow = [], deny = [], readOnly = false } = tools;
  const patterns = (list: unknown) =>
    Array.isArray(list) && list.every((one) => typeof one === 'string' && TOOL_PATTERN.test(one));
  return [
    ...unknownMembers(tools, ['allow', 'deny', 'readOnly']),
    ...(patterns(allow) ? [] : ['has tools.allow that is not a list of names of tools']),
    ...(patterns(deny) ? [] : ['has tools.deny that is not a list of names of tools']),
    ...(typeof readOnly === 'boolean' ? [] : ['has tools.readOnly that is not true or false']),
  ];
}

const unknownMembers = (given: Members, known: readonly string[]) =>
  Object.keys(given).every((name) => known.includes(name))
    ? []
    : [`has an option that is not one of ${known.join(', ')}`];

function hasSharedKey(clients: Members): boolean {
  const all = Object.values(clients).flatMap((given) =>
    isObject(given) ? (Array.isArray(given.keys) ? given.keys : []) : given,
  );
  return new Set(all).size < all.length;
}

const TOKEN = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g;

/** JSON.parse keeps the last of two members of one name, so a key or a rule would be gone without a word. */
function hasTwins(text: string): boolean {
  const open: Set<string>[] = [];
  for (const [token, colon] of text.matchAll(TOKEN)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (colon !== undefined) {
      const name: string = JSON.parse(token.slice(0, -colon.length));
      if (open.at(-1)?.has(name)) return true;
      open.at(-1)?.add(name);
    }
  }
  return false;
}
