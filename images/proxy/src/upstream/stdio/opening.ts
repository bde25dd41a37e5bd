/** The first words with a child: the handshake, and which tools it offers. */
import type { JsonObject } from '../../jsonrpc/message.ts';
import { readHandshake, readToolNames } from '../handshake.ts';
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
): Promise<{ handshake: Handshake; tools: Set<string> }> {
  const protocolVersion = NEWEST_HANDSHAKE;
  const handshake = readHandshake(
    await child.ask('initialize', { protocolVersion, capabilities, clientInfo }),
  );
  child.notify('notifications/initialized', {});
  const tools = handshake.capabilities.tools ? await toolNames(child) : new Set<string>();
  return { handshake, tools };
}

/**
 * Names of the tools that the server offers.
 * @throws Error in words when it does not tell
 */
export async function toolNames(child: Child): Promise<Set<string>> {
  const names = new Set<string>();
  let cursor: string | undefined;
  for (let page = 0; page < MAX_TOOL_PAGES; page++) {
    const result = await child.ask('tools/list', cursor === undefined ? {} : { cursor });
    const { tools, next } = readToolNames(result);
    for (const name of tools) names.add(name);
    if (next === undefined) break;
    cursor = next;
  }
  return names;
}
