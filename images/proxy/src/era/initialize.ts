/** The answer to `initialize`, made from what the server said of itself. */
import type { JsonObject } from '../jsonrpc/message.ts';
import type { Handshake } from '../upstream/upstream.ts';
import { CLIENT_CAPABILITIES } from './session-id.ts';
import type { LegacyVersion } from './versions.ts';

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The server's capabilities that a shared server can keep towards every client. */
function offered(capabilities: JsonObject): JsonObject {
  const result: Record<string, unknown> = {};
  for (const name of ['tools', 'prompts', 'resources']) {
    const given = capabilities[name];
    if (isObject(given)) result[name] = given.listChanged === true ? { listChanged: true } : {};
  }
  if (isObject(capabilities.completions)) result.completions = {};
  return result;
}

export function answerInitialize(handshake: Handshake, version: LegacyVersion): JsonObject {
  const { capabilities, serverInfo, instructions } = handshake;
  return {
    protocolVersion: version,
    capabilities: offered(capabilities),
    serverInfo,
    ...(instructions === undefined ? {} : { instructions }),
  };
}

/** Letters of what a client can do, for its session id. */
export function clientCapabilities(capabilities: unknown): string {
  if (!isObject(capabilities)) return '';
  return Object.entries(CLIENT_CAPABILITIES)
    .filter(([name]) => isObject(capabilities[name]))
    .map(([, letter]) => letter)
    .join('');
}
