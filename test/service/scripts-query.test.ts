import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { runSql } from '../../scripts/mcp/mcp-client.ts';

const KEY = 'right-key';

/** The part of an MCP server that a query needs, over Streamable HTTP with JSON answers and no session. */
async function serve(
  options: { argument?: string; tool?: string; status?: number; answer?: unknown },
  test: (url: string, asked: unknown[]) => Promise<void>,
) {
  const asked: unknown[] = [];
  const answer = (method: string, params: { arguments?: unknown }) => {
    if (method === 'initialize')
      return {
        protocolVersion: '2025-06-18',
        capabilities: { tools: {} },
        serverInfo: { name: 'test', version: '1' },
      };
    if (method === 'tools/list') {
      const properties = { [options.argument ?? 'query']: { type: 'string' } };
      const inputSchema = { type: 'object', properties };
      return { tools: [{ name: options.tool ?? 'RunSqlQuery', inputSchema }] };
    }
    asked.push(params.arguments);
    return {
      content: [{ type: 'text', text: JSON.stringify(options.answer ?? { result: [{ n: 1 }] }) }],
    };
  };
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const right = request.headers.authorization === `Bearer ${KEY}`;
    const status = right ? (options.status ?? 200) : 401;
    if (status !== 200 || request.method !== 'POST') {
      response.writeHead(status === 200 ? 405 : status).end();
      return;
    }
    const { id, method, params } = JSON.parse(body);
    if (id === undefined) {
      response.writeHead(202).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: answer(method, params) }));
  };
  const server = createServer((request, response) => void handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await test(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, asked);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const ask = (url: string, key = KEY) => runSql({ url, key, sql: 'SELECT 1', timeoutMs: 5_000 });

describe('a query through the MCP URL', () => {
  for (const argument of ['query', 's'])
    it(`gives the statement under the name that the server asks for (${argument})`, async () => {
      await serve({ argument }, async (url, asked) => {
        assert.deepEqual(await ask(url), { kind: 'rows', rows: [{ n: 1 }] });
        assert.deepEqual(asked, [{ [argument]: 'SELECT 1' }]);
      });
    });

  it('says that the key is refused, without showing it', async () => {
    await serve({}, async (url) => {
      await assert.rejects(ask(url, 'wrong-key'), (error: Error) => {
        assert.match(error.message, /refuses the key/);
        assert.doesNotMatch(error.message, /wrong-key/);
        return true;
      });
    });
  });

  it('says that nothing listens, that the server is not ready, or has no such tool', async () => {
    let gone = '';
    await serve({}, async (url) => {
      gone = url;
    });
    await assert.rejects(ask(gone), {
      message: /^Nothing listens at/,
      exitCode: 4,
    });
    await serve({ status: 503 }, (url) => assert.rejects(ask(url), { message: /is not ready\.$/ }));
    await serve({ tool: 'Other' }, (url) =>
      assert.rejects(ask(url), { message: /offers no RunSqlQuery/ }),
    );
  });

  it('ends at once when it is interrupted', async () => {
    await serve({}, async (url) => {
      const reason = new Error('stopped by the user');
      const signal = AbortSignal.abort(reason);
      await assert.rejects(
        runSql({ url, key: KEY, sql: 'SELECT 1', timeoutMs: 5_000, signal }),
        reason,
      );
    });
  });
});
