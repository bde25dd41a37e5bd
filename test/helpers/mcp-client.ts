import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

export const WEATHER = 'Samples."samples.dremio.com"."NYC-weather.csv"';

/**
 * An MCP client of the TypeScript SDK, given only URL and key.
 * @param way another `fetch`, for a URL whose name or certificate this machine does not know
 */
export async function connect(url: string, key: string, way?: typeof fetch): Promise<Client> {
  const client = new Client({ name: 'lakehouse-mcp-test', version: '0.1.0' });
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { authorization: `Bearer ${key}` } },
    ...(way === undefined ? {} : { fetch: way }),
  });
  // The SDK's transport declares optional callbacks without `undefined`, which exact types tell apart.
  await client.connect(transport as Parameters<Client['connect']>[0]);
  return client;
}

export interface SqlAnswer {
  isError: boolean;
  text: string;
  rows: Record<string, unknown>[];
}

/** The name of the argument of `RunSqlQuery`, which differs between versions, from `tools/list`. */
export async function sqlArgument(client: Client): Promise<string> {
  const { tools } = await client.listTools();
  const tool = tools.find(({ name }) => name === 'RunSqlQuery');
  const argument = Object.keys(tool?.inputSchema.properties ?? {})[0];
  if (!argument) throw new Error('RunSqlQuery is not offered, or takes no argument');
  return argument;
}

/** A caller of `RunSqlQuery`. */
export async function sqlRunner(client: Client): Promise<(sql: string) => Promise<SqlAnswer>> {
  const argument = await sqlArgument(client);
  return async (sql) => {
    const answer = await client.callTool({ name: 'RunSqlQuery', arguments: { [argument]: sql } });
    const [part] = answer.content as { type: string; text?: string }[];
    const text = part?.text ?? '';
    return { isError: answer.isError === true, text, rows: rowsOf(text) };
  };
}

/** Rows of an answer, whatever the version calls the field; none where it is an error in words. */
function rowsOf(text: string): Record<string, unknown>[] {
  try {
    const body = JSON.parse(text) as Record<string, unknown>;
    const rows = body.result ?? body.results;
    return Array.isArray(rows) ? rows : [];
  } catch {
    return [];
  }
}
