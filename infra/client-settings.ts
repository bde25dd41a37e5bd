/** The widely read form of MCP client settings: a map of servers by name. */
export function clientSettings(url: string, key: string) {
  return {
    mcpServers: {
      lakehouse: { type: 'http', url, headers: { Authorization: `Bearer ${key}` } },
    },
  };
}
