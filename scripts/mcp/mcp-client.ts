import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  StreamableHTTPClientTransport,
  StreamableHTTPError,
} from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CommandError, codeOf, EXIT, messageOf } from '../command-error.ts';
import { NAMESPACE } from '../config/keys.ts';
import { answerOf, type SqlAnswer } from './sql-answer.ts';

export const TOOL = 'RunSqlQuery';

/** A query through the MCP URL, as any client makes it. */
export interface QueryOptions {
  readonly url: string;
  readonly key: string;
  readonly sql: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Runs one statement through the MCP URL. @throws CommandError when the URL does not serve it. */
export async function runSql(options: QueryOptions): Promise<SqlAnswer> {
  const client = new Client({ name: NAMESPACE, version: '0.1.0' });
  const transport = new StreamableHTTPClientTransport(new URL(options.url), {
    requestInit: { headers: { authorization: `Bearer ${options.key}` } },
  });
  const request = {
    timeout: options.timeoutMs,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  try {
    // The SDK's transport declares optional callbacks without `undefined`, which exact types tell apart.
    await client.connect(transport as Parameters<Client['connect']>[0], request);
    const { tools } = await client.listTools(undefined, request);
    const tool = tools.find(({ name }) => name === TOOL);
    // Its name differs between versions of the official server: `s`, later `query`.
    const argument = Object.keys(tool?.inputSchema.properties ?? {})[0];
    if (argument === undefined)
      return { kind: 'not_offered', tools: tools.map(({ name }) => name) };
    const call = { name: TOOL, arguments: { [argument]: options.sql } };
    const answer = await client.callTool(call, undefined, request);
    return answerOf(answer as Parameters<typeof answerOf>[0]);
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    throw translate(error, options);
  } finally {
    await transport.terminateSession().catch(() => undefined);
    await client.close().catch(() => undefined);
  }
}

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
