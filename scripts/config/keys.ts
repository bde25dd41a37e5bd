import { type Key, keys, secretKeys } from '../../infra/config/keys.ts';
import { nearest } from '../../infra/config/nearest.ts';
import { CommandError, EXIT } from '../command-error.ts';

/** Namespace of the program's own keys. */
export const NAMESPACE = 'lakehouse-mcp';
/** Keys of others that a stack may set: the address of the Docker engine. */
const FOREIGN = ['docker:host'];

const isOwn = (key: string): key is Key => Object.hasOwn(keys, key);

/**
 * The full form of a key as a user types it (`mcpPort`, `lakehouse-mcp:mcpPort`, `docker:host`).
 * @throws CommandError naming the nearest known key.
 */
export function fullKey(typed: string): string {
  if (FOREIGN.includes(typed)) return typed;
  const short = shortKey(typed);
  if (isOwn(short)) return `${NAMESPACE}:${short}`;
  const known = [...Object.keys(keys), ...FOREIGN];
  const meant = nearest(short, known);
  throw new CommandError(
    meant === undefined
      ? `There is no setting "${typed}".`
      : `There is no setting "${typed}". Did you mean "${meant}"?`,
    { exitCode: EXIT.usage, advice: [`Settings: ${known.join(', ')}`] },
  );
}

/** The form of a key that users type. */
export const shortKey = (full: string) =>
  full.startsWith(`${NAMESPACE}:`) ? full.slice(NAMESPACE.length + 1) : full;

export const isSecretKey = (full: string) =>
  full.startsWith(`${NAMESPACE}:`) && secretKeys.has(shortKey(full));

/** What a key allows, in words, when `value` is not allowed; `undefined` when it is. Empty means "not set". */
export function whatIsAllowed(full: string, value: string): string | undefined {
  const key = full.slice(full.indexOf(':') + 1);
  if (!full.startsWith(`${NAMESPACE}:`) || !isOwn(key) || value === '') return undefined;
  return keys[key].parse(value) === undefined ? keys[key].allowed : undefined;
}
