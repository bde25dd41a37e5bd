/** The answer to `initialize`, made from what the server said of itself. */
import type { JsonObject } from '../jsonrpc/message.ts';
import type { Handshake } from '../upstream/upstream.ts';
import { CLIENT_CAPABILITIES } from './session-id.ts';
import type { LegacyVersion } from './versions.ts';

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The server's capabilities that can be kept towards every client; more where clients can be told apart. */
function offered(capabilities: JsonObject, personal: boolean): JsonObject {
  const result: Record<string, unknown> = {};
  for (const name of ['tools', 'prompts', 'resources']) {
    const given = capabilities[name];
    if (!isObject(given)) continue;
    const subscribe = personal && name === 'resources' && given.subscribe === true;
    result[name] = {
      ...(given.listChanged === true ? { listChanged: true } : {}),
      ...(subscribe ? { subscribe: true } : {}),
    };
  }
  if (personal && isObject(capabilities.logging)) result.logging = {};
  if (isObject(capabilities.completions)) result.completions = {};
  return result;
}

export function answerInitialize(
  handshake: Handshake,
  version: LegacyVersion,
  personal: boolean,
): JsonObject {
  const { capabilities, serverInfo, instructions } = handshake;
  return {
    protocolVersion: version,
    capabilities: offered(capabilities, personal),
    serverInfo,
    ...(instructions === undefined ? {} : { instructions }),
  };
}

/** Letters of what a client can do, for its session id. */
export function clientCapabilities(capabilities: unknown): string {
  if (!isObject(capabilities)) return '';
  return Object.entries(CLIENT_CAPABILITIES)
    .filter(([path]) => {
      const [name = '', detail] = path.split('.');
      const given = capabilities[name];
      if (!isObject(given) || detail === undefined) return isObject(given);
      return isObject(given[detail]) || given[detail] === true;
    })
    .map(([, letter]) => letter)
    .join('');
}

/** What a client can do, from the letters of its session id. */
export function capabilitiesOf(letters: string): JsonObject {
  const capabilities: Record<string, Record<string, unknown>> = {};
  for (const [path, letter] of Object.entries(CLIENT_CAPABILITIES)) {
    if (!letters.includes(letter)) continue;
    const [name = '', detail] = path.split('.');
    const own = capabilities[name] ?? {};
    capabilities[name] = own;
    if (detail !== undefined) own[detail] = detail === 'listChanged' ? true : {};
  }
  return capabilities;
}
