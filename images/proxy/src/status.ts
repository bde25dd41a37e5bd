/** What the operations port says at `/status`: the tools that the MCP server offers, in a form that can be compared. */
import { catalogueDigest, type ToolDigests } from './upstream/tool-digests.ts';

export interface ProxyStatus {
  /** Of all tools before any rule; `null` while the server has not told. */
  readonly tools_digest: string | null;
  /** The digest of each tool's definition, by its name. */
  readonly tools: Readonly<Record<string, string>>;
}

export const statusOf = (tools: ToolDigests): ProxyStatus => ({
  tools_digest: catalogueDigest(tools) ?? null,
  tools: Object.fromEntries(tools),
});
