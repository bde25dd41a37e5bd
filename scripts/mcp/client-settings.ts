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
      text: compactJson({
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
      text: compactJson({ mcpServers: { lakehouse: { url, headers: { Authorization: bearer } } } }),
    },
    {
      client: 'VS Code',
      where: '.vscode/mcp.json; it asks for the key and keeps it',
      text: compactJson({
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

/** Widest line of a JSON text to paste. */
const WIDTH = 104;

/** JSON in which everything that fits on a line stands on one. */
export function compactJson(value: unknown, indent = ''): string {
  const flat = JSON.stringify(value, undefined, 1)?.replace(/\n\s*/g, ' ') ?? 'null';
  if (typeof value !== 'object' || value === null) return flat;
  if (indent.length + flat.length <= WIDTH) return flat;
  const deeper = `${indent}  `;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const lines = Object.entries(value).map(([key, inner]) => {
    const name = Array.isArray(value) ? '' : `${JSON.stringify(key)}: `;
    return `${deeper}${name}${compactJson(inner, deeper)}`;
  });
  return `${open}\n${lines.join(',\n')}\n${indent}${close}`;
}
