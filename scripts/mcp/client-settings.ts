/** How one MCP client is told of the URL: what to run, or what to put where. */
export interface ClientSettings {
  readonly client: string;
  /** Where the text goes, or how it is used. */
  readonly where: string;
  readonly text: string;
}

/** Stands where the key belongs, unless the user asked to see it. */
export const KEY_PLACE = '<key>';

/** Settings to paste, for the clients that most people use. VS Code asks for the key itself and keeps it. */
export function clientSettings(url: string, key: string = KEY_PLACE): ClientSettings[] {
  const bearer = `Bearer ${key}`;
  const json = (value: unknown) => JSON.stringify(value, undefined, 2);
  return [
    {
      client: 'Claude Code',
      where: 'run',
      text: `claude mcp add --transport http lakehouse ${url} --header "Authorization: ${bearer}"`,
    },
    {
      client: 'Claude Desktop',
      where:
        'claude_desktop_config.json; mcp-remote stands between, since it starts local commands only',
      text: json({
        mcpServers: {
          lakehouse: {
            command: 'npx',
            // A header with a space in an argument is cut by some versions on Windows, hence the variable.
            // biome-ignore lint/suspicious/noTemplateCurlyInString: mcp-remote fills it in from `env`
            args: ['-y', 'mcp-remote', url, '--header', 'Authorization:${LAKEHOUSE_AUTH}'],
            env: { LAKEHOUSE_AUTH: bearer },
          },
        },
      }),
    },
    {
      client: 'Cursor',
      where: '~/.cursor/mcp.json',
      text: json({ mcpServers: { lakehouse: { url, headers: { Authorization: bearer } } } }),
    },
    {
      client: 'VS Code',
      where: '.vscode/mcp.json; it asks for the key and keeps it',
      text: json({
        inputs: [
          {
            type: 'promptString',
            id: 'lakehouse-key',
            description: 'lakehouse-mcp key',
            password: true,
          },
        ],
        servers: {
          lakehouse: {
            type: 'http',
            url,
            // biome-ignore lint/suspicious/noTemplateCurlyInString: VS Code fills it in from `inputs`
            headers: { Authorization: 'Bearer ${input:lakehouse-key}' },
          },
        },
      }),
    },
  ];
}
