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

/** A tool as the server defines it. */
export type NamedTool = JsonObject & { readonly name: string };

/** A page of `tools/list`; what has no name is passed over. */
export function readToolPage(result: unknown): {
  tools: readonly NamedTool[];
  next: string | undefined;
} {
  const { tools, nextCursor } = object(result);
  const named = (tool: JsonObject): tool is NamedTool => typeof tool.name === 'string';
  return {
    tools: Array.isArray(tools) ? tools.map(object).filter(named) : [],
    next: typeof nextCursor === 'string' ? nextCursor : undefined,
  };
}
