import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  type Bench,
  callTool,
  type Json,
  openSession,
  post,
  textOf,
  until,
} from '../fixtures/proxy/harness.ts';
import { bridge, hear, writeSecret } from '../fixtures/proxy/remote-bench.ts';
import { type RemoteServer, serveScript } from '../fixtures/proxy/remote-server.ts';

const TOKEN = 'supertable-token-7c6d5e4f3a2b1c0d';
const NEXT_TOKEN = 'supertable-token-next-0f1e2d3c4b5a';

const tool = (name: string, ...properties: string[]) => ({
  name,
  inputSchema: {
    type: 'object',
    properties: Object.fromEntries(properties.map((one) => [one, { type: 'string' }])),
    required: properties.filter((one) => one !== 'limit'),
  },
});
/** As the MCP server of SuperTable has them: some tools take a token and a role, some take neither. */
const TOOLS = [
  tool('health'),
  tool('whoami', 'role', 'auth_token'),
  tool('query_sql', 'super_name', 'sql', 'limit', 'role', 'auth_token'),
];

describe('arguments that the operator of a remote server sets', () => {
  let folder: string;
  let server: RemoteServer;
  let bench: Bench;
  let session: string;
  const calls: { name: string; arguments?: Json }[] = [];
  let tools = TOOLS;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakehouse-arguments-'));
    server = await serveScript(({ message, answer, response }) => {
      const { name, arguments: given } = (message?.params ?? {}) as {
        name: string;
        arguments?: Json;
      };
      if (message?.method === 'tools/list') answer({ tools });
      else if (message?.method !== 'tools/call') return false;
      else {
        calls.push({ name, ...(given ? { arguments: given } : {}) });
        const quoted = JSON.stringify(given ?? {});
        if (given?.sql === 'wrong')
          response.writeHead(200, { 'content-type': 'application/json' }).end(
            JSON.stringify({
              jsonrpc: '2.0',
              id: message.id,
              error: { code: -32602, message: `bad: ${quoted}` },
            }),
          );
        else if (given?.sql === 'refused') response.writeHead(400).end(`bad arguments ${quoted}`);
        else if (given?.sql === 'ERROR')
          answer({
            content: [
              {
                type: 'text',
                text: JSON.stringify({ status: 'ERROR', message: `auth_token invalid: ${quoted}` }),
              },
            ],
          });
        else answer({ content: [{ type: 'text', text: quoted }] });
      }
      return true;
    });
    bench = await bridge(server.url, {
      UPSTREAM_ARGUMENTS_FILE: await writeSecret(folder, 'arguments.json', {
        '*': { auth_token: TOKEN, role: 'reader' },
        query_sql: { role: 'analyst' },
      }),
      UPSTREAM_ERROR_STATUS: 'ERROR',
      AUDIT_SQL: 'true',
    });
    session = await openSession(bench.url);
  });
  after(async () => {
    await bench[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
  const ask = async (name: string, given: Json = {}) => {
    const answer = await callTool(bench.url, session, name, given);
    return { answer, sent: calls.at(-1) };
  };

  it('go to the tools that ask for them, and to no other', async () => {
    assert.deepEqual((await ask('health', {})).sent, { name: 'health', arguments: {} });
    assert.deepEqual((await ask('whoami')).sent?.arguments, { auth_token: TOKEN, role: 'reader' });
    assert.deepEqual((await ask('query_sql', { sql: 'SELECT 1' })).sent?.arguments, {
      auth_token: TOKEN,
      role: 'analyst',
      sql: 'SELECT 1',
    });
  });

  it('stand in place of those that clients give, which reach no tool', async () => {
    const mine = { auth_token: 'my own token of my own', role: 'superadmin' };
    assert.deepEqual((await ask('whoami', mine)).sent?.arguments, {
      auth_token: TOKEN,
      role: 'reader',
    });
    assert.deepEqual((await ask('health', mine)).sent?.arguments, {});
    assert.deepEqual((await ask('no_such_tool', mine)).sent?.arguments, {});
  });

  it('are in no schema that clients see', async () => {
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    const response = await post(bench.url, list, { 'mcp-session-id': session });
    const { result } = (await response.json()) as { result: { tools: unknown } };
    assert.deepEqual(result.tools, [
      tool('health'),
      tool('whoami'),
      tool('query_sql', 'super_name', 'sql', 'limit'),
    ]);
  });

  it('are in no result, no error and no log line, however the server quotes them', async () => {
    const answers = [
      await ask('query_sql', { sql: 'ERROR' }),
      await ask('query_sql', { sql: 'wrong' }),
      await ask('query_sql', { sql: 'refused' }),
      await ask('query_sql', { sql: 'SELECT 1' }),
    ].map(({ answer }) => answer);
    assert.equal(answers[0]?.result?.isError, true);
    for (const answer of answers) {
      assert.ok(!JSON.stringify(answer).includes(TOKEN.slice(0, 16)));
      assert.match(JSON.stringify(answer), /\[redacted\]/);
    }
    assert.ok(!JSON.stringify(bench.log).includes(TOKEN.slice(0, 16)));
    assert.ok(!(await bench.metrics()).includes(TOKEN.slice(0, 16)));
  });

  it('are no part of the audit: its digest is of what the client wrote', async () => {
    const given = { sql: 'SELECT 42', auth_token: 'from the client, not a secret of ours' };
    await ask('query_sql', given);
    const line = bench.log.findLast((one) => one.event === 'tool_called');
    const digest = createHash('sha256').update(JSON.stringify(given)).digest('hex');
    assert.deepEqual([line?.arguments, line?.sql], [`sha256:${digest}`, 'SELECT 42']);
  });

  it('count with their new values from the next call on; clients hear when others are offered then', async () => {
    const client = await hear(bench.url, session);
    tools = [...TOOLS, tool('list_tables', 'auth_token')];
    await writeSecret(folder, 'arguments.json', { auth_token: NEXT_TOKEN });
    await until(async () => (await ask('whoami')).sent?.arguments?.auth_token === NEXT_TOKEN);
    await until(() => client.count('tools/list_changed') === 1);
    await client.close();
    const { answer, sent } = await ask('list_tables');
    assert.deepEqual(sent?.arguments, { auth_token: NEXT_TOKEN });
    assert.equal(textOf(answer), '{"auth_token":"[redacted]"}');
    // A role is the client's again.
    assert.deepEqual((await ask('whoami', { role: 'mine' })).sent?.arguments, {
      auth_token: NEXT_TOKEN,
      role: 'mine',
    });
  });

  it('reach a tool that is new as soon as a client has seen it', async () => {
    tools = [...tools, tool('sample_data', 'auth_token')];
    assert.deepEqual((await ask('sample_data')).sent?.arguments, {});
    const page = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { cursor: 'next' } };
    const response = await post(bench.url, page, { 'mcp-session-id': session });
    assert.match(await response.text(), /sample_data/);
    assert.deepEqual((await ask('sample_data')).sent?.arguments, { auth_token: NEXT_TOKEN });
  });

  it('that nothing takes are told in the log, by name', async () => {
    await writeSecret(folder, 'arguments.json', {
      '*': { auth_tokn: NEXT_TOKEN },
      sql_query: { a: 1 },
    });
    const line = await until(() =>
      bench.log.find((one) => one.event === 'upstream_arguments_unused'),
    );
    assert.deepEqual(line.why, [
      'no tool of the server takes the argument auth_tokn',
      'the server offers no tool sql_query',
    ]);
    assert.ok(!JSON.stringify(bench.log).includes(NEXT_TOKEN));
  });
});
