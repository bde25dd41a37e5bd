/** The file with the keys of clients: who has which keys, and what each client may do. Errors never quote a key. */
import { NamedFileError, readNamedFile } from '../../../kit/src/named-file.ts';
import { BEARER_TOKEN } from '../../../kit/src/token-file.ts';
import { eachMember } from '../jsonrpc/scan.ts';
import { type ToolRules, toolPattern } from '../policy/rules.ts';

export const SHORTEST_KEY = 16;
/** The most that `maxInFlight` may be, as of the settings. */
export const MOST_IN_FLIGHT = 10_000;
const MAX_FILE_BYTES = 256 * 1024;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const REMEDY =
  'Write it as {"name of a client": "its key"}, or with {"keys": ["its key"], "tools": {"allow": [], "deny": [], "readOnly": true}, "maxInFlight": 8} in the place of the key; a good key comes from: openssl rand -hex 32';
const NAME_FORM = 'up to 64 letters, digits, dots, dashes and underscores';

/** What a client of a name may do besides coming in. */
export interface ClientOptions {
  readonly tools?: ToolRules;
  readonly maxInFlight?: number;
}

export interface NamedClient extends ClientOptions {
  readonly name: string;
  /** All of them are valid, such as the current and the next one. */
  readonly keys: readonly string[];
}

type Complain = (problem: string) => void;
type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A name as it may be shown: a long one could be a key that stands in the wrong place. */
const shown = (name: string, position: number) =>
  name.length < SHORTEST_KEY
    ? /^[\x20-\x7e]+$/.test(name) && NAME.test(name)
      ? name
      : JSON.stringify(name)
    : `entry ${position} (its name has ${name.length} characters and is not shown: it could be a key)`;

/**
 * Reads the text of a key file: a JSON object from name to key, to a list of keys, or to keys with options.
 * @throws NamedFileError with everything that is wrong, unless there is at least one key and every one is long enough
 */
export function parseKeys(text: string, path: string): NamedClient[] {
  const problems: string[] = [];
  const complain: Complain = (problem) => problems.push(problem);
  const clients = read(text, complain);
  if (problems.length > 0)
    throw new NamedFileError(path, { reason: problems.join('; it '), remedy: REMEDY });
  return clients;
}

function read(text: string, complain: Complain): NamedClient[] {
  const fail = (problem: string) => {
    complain(problem);
    return [];
  };
  if (text.trim() === '') return fail('is empty');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail('is not JSON; expected an object from name to key');
  }
  if (!isObject(value)) return fail('is not a JSON object from name to key');
  complainOfTwins(Buffer.from(text), 0, complain);
  const entries = Object.entries(value);
  if (entries.length === 0) return fail('holds no key');
  const clients = entries.map(([name, given], i) => readClient(name, i + 1, given, complain));
  complainOfSharedKeys(clients, complain);
  return clients;
}

function readClient(
  name: string,
  position: number,
  given: unknown,
  complain: Complain,
): NamedClient {
  const who = shown(name, position);
  if (!NAME.test(name)) complain(`has the name ${who}; expected ${NAME_FORM}`);
  if (!isObject(given)) {
    const keys = readKeyList(Array.isArray(given) ? given : [given], who, complain);
    return { name, keys };
  }
  complainOfStrangers(given, ['keys', 'tools', 'maxInFlight'], who, complain);
  const { keys: list, tools, maxInFlight } = given;
  const keys = Array.isArray(list) ? readKeyList(list, who, complain) : [];
  if (!Array.isArray(list)) complain(`has no list "keys" for ${who}`);
  if (maxInFlight !== undefined && !isLimit(maxInFlight))
    complain(`has a maxInFlight for ${who} that is not a whole number from 1 to ${MOST_IN_FLIGHT}`);
  return {
    name,
    keys,
    ...(tools === undefined ? {} : { tools: readRules(tools, who, complain) }),
    ...(isLimit(maxInFlight) ? { maxInFlight } : {}),
  };
}

const isLimit = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MOST_IN_FLIGHT;

function readKeyList(list: readonly unknown[], who: string, complain: Complain): string[] {
  if (list.length === 0) complain(`has no key for ${who}`);
  return list.flatMap((key) => {
    if (typeof key !== 'string') complain(`has a key for ${who} that is not text`);
    else if (key.length < SHORTEST_KEY)
      complain(`has a key for ${who} of less than ${SHORTEST_KEY} characters`);
    else if (!BEARER_TOKEN.test(key))
      complain(`has a key for ${who} with other characters than letters, digits and -._~+/=`);
    else return [key];
    return [];
  });
}

function readRules(given: unknown, who: string, complain: Complain): ToolRules {
  if (!isObject(given)) {
    complain(`has "tools" for ${who} that are not an object with allow, deny and readOnly`);
    return {};
  }
  complainOfStrangers(given, ['allow', 'deny', 'readOnly'], `tools of ${who}`, complain);
  const { allow, deny, readOnly } = given;
  for (const [name, list] of Object.entries({ allow, deny }))
    if (list !== undefined && !isPatternList(list))
      complain(`has tools.${name} for ${who} that is not a list of ${toolPattern.allowed}`);
  if (readOnly !== undefined && typeof readOnly !== 'boolean')
    complain(`has tools.readOnly for ${who} that is not true or false`);
  return {
    ...(isPatternList(allow) ? { allow } : {}),
    ...(isPatternList(deny) ? { deny } : {}),
    ...(readOnly === true ? { readOnly } : {}),
  };
}

const isPatternList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string' && toolPattern.test(one));

function complainOfStrangers(
  given: Members,
  known: readonly string[],
  who: string,
  complain: Complain,
): void {
  Object.keys(given).forEach((field, i) => {
    if (!known.includes(field))
      complain(`has ${shown(field, i + 1)} for ${who}; expected only ${known.join(', ')}`);
  });
}

/** JSON.parse keeps the last of two members of one name, so a key or a rule would be gone without a word. */
function complainOfTwins(bytes: Buffer, at: number, complain: Complain): void {
  const seen = new Set<string>();
  eachMember(bytes, at, (name, span) => {
    if (seen.has(name)) complain(`has ${shown(name, seen.size + 1)} twice in one object`);
    seen.add(name);
    complainOfTwins(bytes, span.start, complain);
    return true;
  });
}

function complainOfSharedKeys(clients: readonly NamedClient[], complain: Complain): void {
  const holders = new Map<string, number>();
  clients.forEach(({ name, keys }, i) => {
    for (const key of keys) {
      const other = holders.get(key);
      const first = other === undefined ? undefined : clients[other];
      if (first === undefined || other === undefined) holders.set(key, i);
      else if (other === i) complain(`gives ${shown(name, i + 1)} the same key twice`);
      else complain(`gives ${shown(first.name, other + 1)} and ${shown(name, i + 1)} the same key`);
    }
  });
}

/** @throws NamedFileError when the file cannot be read or `parseKeys` refuses its text */
export async function readKeys(path: string): Promise<NamedClient[]> {
  return parseKeys(await readNamedFile(path, MAX_FILE_BYTES), path);
}
