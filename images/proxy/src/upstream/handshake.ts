/** Reads what a server answers to `initialize` and `tools/list`, without trusting its shape. */
import type { JsonObject } from '../jsonrpc/message.ts';
import type { Handshake } from './upstream.ts';

const object = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null ? (value as JsonObject) : {};

/** @throws Error when the answer names no protocol version. */
export function readHandshake(result: unknown): Handshake {
  const { protocolVersion, capabilities, serverInfo, instructions } = object(result);
  if (typeof protocolVersion !== 'string')
    throw new Error('the MCP server answered initialize without a protocolVersion');
  return {
    protocolVersion,
    capabilities: object(capabilities),
    serverInfo: object(serverInfo),
    ...(typeof instructions === 'string' ? { instructions } : {}),
  };
}

export function readToolNames(result: unknown): { tools: string[]; next: string | undefined } {
  const { tools, nextCursor } = object(result);
  const names = Array.isArray(tools) ? tools.map((tool) => object(tool).name) : [];
  return {
    tools: names.filter((name): name is string => typeof name === 'string'),
    next: typeof nextCursor === 'string' ? nextCursor : undefined,
  };
}
