import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  StreamableHTTPClientTransport,
  StreamableHTTPError,
} from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { fetch as undiciFetch } from 'undici';
import { CommandError, codeOf, EXIT, messageOf } from '../command-error.ts';
import { NAMESPACE } from '../config/keys.ts';
import { agentFor, type Endpoint } from './endpoint.ts';
import { answerOf, type SqlAnswer } from './sql-answer.ts';

export const TOOL = 'RunSqlQuery';

/** A query through the MCP URL, as any client makes it. */
export interface QueryOptions extends Endpoint {
  readonly key: string;
  readonly sql: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** A client of an endpoint; not connected yet. */
export function openClient(endpoint: Endpoint & { readonly key: string }) {
  const client = new Client({ name: NAMESPACE, version: '0.1.0' });
  const agent = agentFor(endpoint);
  const send = (url: string | URL, init?: RequestInit) =>
    // Node's own fetch is another edition of the same code and takes no agent of this one; the types differ in name.
    undiciFetch(url, { ...(init as Parameters<typeof undiciFetch>[1]), dispatcher: agent });
  const transport = new StreamableHTTPClientTransport(new URL(endpoint.url), {
    requestInit: { headers: { authorization: `Bearer ${endpoint.key}` } },
    fetch: send as unknown as typeof fetch,
  });
  return {
    client,
    // The SDK's transport declares optional callbacks without `undefined`, which exact types tell apart.
    connect: (request: { timeout: number; signal?: AbortSignal }) =>
      client.connect(transport as Parameters<Client['connect']>[0], request),
    /** Ends the session where the server still hears it, then every connection. */
    async close() {
      await transport.terminateSession().catch(() => undefined);
      await client.close().catch(() => undefined);
      await agent.destroy();
    },
  };
}

/** Runs one statement through the MCP URL. @throws CommandError when the URL does not serve it. */
export async function runSql(options: QueryOptions): Promise<SqlAnswer> {
  const { client, connect, close } = openClient(options);
  const request = {
    timeout: options.timeoutMs,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  try {
    await connect(request);
    return await callSql(client, options.sql, request);
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    throw translate(error, options);
  } finally {
    await close();
  }
}

/** Runs one statement with a connected client; what fails is the SDK's error. */
export async function callSql(
  client: Client,
  sql: string,
  request: { timeout: number; signal?: AbortSignal },
): Promise<SqlAnswer> {
  const { tools } = await client.listTools(undefined, request);
  const tool = tools.find(({ name }) => name === TOOL);
  // Its name differs between versions of the official server: `s`, later `query`.
  const argument = Object.keys(tool?.inputSchema.properties ?? {})[0];
  if (argument === undefined) return { kind: 'not_offered', tools: tools.map(({ name }) => name) };
  const call = { name: TOOL, arguments: { [argument]: sql } };
  const answer = await client.callTool(call, undefined, request);
  return answerOf(answer as Parameters<typeof answerOf>[0]);
}

const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS/;

function translate(error: unknown, { url, timeoutMs }: QueryOptions): CommandError {
  if (error instanceof CommandError) return error;
  const status = error instanceof StreamableHTTPError ? error.code : undefined;
  const problem = (message: string, ...advice: string[]) =>
    new CommandError(message, { exitCode: EXIT.notReady, advice, cause: error });
  if (codeOf(error) === 'ECONNREFUSED')
    return problem(
      `Nothing listens at ${url}.`,
      'See what runs: npm run status',
      'Start it: npm run up',
    );
  if (UNTRUSTED.test(codeOf(error) ?? ''))
    return problem(
      `The TLS certificate of ${url} is not trusted here: ${messageOf(error)}.`,
      'If an authority of your own signed it, name its certificate: NODE_EXTRA_CA_CERTS=ca.pem npm run …',
    );
  if (status === 401 || /unauthorized/i.test(messageOf(error)))
    return problem(`${url} refuses the key of this stack.`, 'Deploy the stack anew: npm run up');
  if (status === 503) return problem(`${url} is not ready.`, 'See why: npm run status');
  if (/timed out|timeout/i.test(messageOf(error)))
    return problem(
      `No answer from ${url} within ${timeoutMs / 1000} s.`,
      'See why: npm run status',
    );
  return problem(`The query through ${url} failed: ${messageOf(error)}`, 'See why: npm run status');
}

/** What to say to someone who wants to query and may not. */
export function notOffered(url: string, tools: readonly string[]): CommandError {
  return new CommandError(`The key of this stack is offered no ${TOOL} at ${url}.`, {
    exitCode: EXIT.failed,
    advice: [
      `It is offered: ${tools.join(', ') || 'nothing'}`,
      'Settings that decide: serverMode (FOR_DATA_PATTERNS has it), toolsAllow, toolsDeny, toolsReadOnly, and tools in mcpKeys',
    ],
  });
}
