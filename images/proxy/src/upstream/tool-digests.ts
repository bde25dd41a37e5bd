/**
 * What a server offers, in a form that can be compared: a digest of each tool's whole definition, so that another
 * description or schema under a known name is seen (OWASP MCP Security Cheat Sheet: pin tool definitions by hash).
 */
import { createHash } from 'node:crypto';

/** Tools by name, each with the digest of its definition: `sha256:` and 64 hexadecimal digits. */
export type ToolDigests = ReadonlyMap<string, string>;

/** In place of the digest of a definition that nests too deeply to be looked at; equal to no digest. */
export const TOO_DEEP = 'too deep to compare';

/** JSON text that is the same for equal values: members in the order of their names, no white space (RFC 8785). */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`).join(',')}}`;
}

/** The digest of a JSON value, whatever the order of its members. */
export function digestOf(value: unknown): string {
  try {
    return `sha256:${createHash('sha256').update(canonical(value)).digest('hex')}`;
  } catch (error) {
    if (error instanceof RangeError) return TOO_DEEP;
    throw error;
  }
}

/** One digest for all tools; undefined when none is known. */
export const catalogueDigest = (tools: ToolDigests): string | undefined =>
  tools.size === 0 ? undefined : digestOf(Object.fromEntries(tools));
