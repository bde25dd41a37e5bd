/** The first words with a child: the handshake, and what tools it offers. */
import type { JsonObject } from '../../jsonrpc/message.ts';
import { readHandshake, readToolPage } from '../handshake.ts';
import { digestOf, type ToolDigests } from '../tool-digests.ts';
import type { Handshake } from '../upstream.ts';
import type { Child } from './child.ts';

/** The revision that the child is asked for: the newest with a handshake. */
const NEWEST_HANDSHAKE = '2025-11-25';
const MAX_TOOL_PAGES = 20;

/**
 * Opens the session with the server; resolves with what it says of itself.
 * @throws Error in words when the answer is no handshake, or the child ends first.
 */
export async function openSession(
  child: Child,
  clientInfo: JsonObject,
  capabilities: JsonObject,
): Promise<{ handshake: Handshake; tools: ToolDigests }> {
  const protocolVersion = NEWEST_HANDSHAKE;
  const handshake = readHandshake(
    await child.ask('initialize', { protocolVersion, capabilities, clientInfo }),
  );
  child.notify('notifications/initialized', {});
  const tools = handshake.capabilities.tools ? await readTools(child) : new Map();
  return { handshake, tools };
}

/**
 * The tools that the server offers; a name that comes twice has one digest of both definitions.
 * @throws Error in words when it does not tell
 */
export async function readTools(child: Child): Promise<ToolDigests> {
  const digests = new Map<string, string>();
  let cursor: string | undefined;
  for (let page = 0; page < MAX_TOOL_PAGES; page++) {
    const result = await child.ask('tools/list', cursor === undefined ? {} : { cursor });
    const { tools, next } = readToolPage(result);
    for (const tool of tools) {
      const other = digests.get(tool.name);
      digests.set(tool.name, digestOf(other === undefined ? tool : [other, tool]));
    }
    if (next === undefined) break;
    cursor = next;
  }
  return digests;
}
