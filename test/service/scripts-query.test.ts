import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { prove } from '../../scripts/commands/prove.ts';
import { notOffered, runSql } from '../../scripts/mcp/mcp-client.ts';
import { quietDisplay } from '../../scripts/terminal/quiet.ts';

const KEY = 'right-key';

/** The part of an MCP server that a query needs, over Streamable HTTP with JSON answers and no session. */
async function serve(
  options: { argument?: string; tools?: string[]; status?: number; answer?: unknown },
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
      const names = options.tools ?? ['RunSqlQuery'];
      return { tools: names.map((name) => ({ name, inputSchema })) };
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

  it('says that nothing listens, or that the server is not ready', async () => {
    let gone = '';
    await serve({}, async (url) => {
      gone = url;
    });
    await assert.rejects(ask(gone), {
      message: /^Nothing listens at/,
      exitCode: 4,
    });
    await serve({ status: 503 }, (url) => assert.rejects(ask(url), { message: /is not ready\.$/ }));
  });

  it('says which tools there are when the query is not among them', async () => {
    await serve({ tools: ['Other'] }, async (url) => {
      const { kind, tools } = (await ask(url)) as { kind: string; tools: string[] };
      assert.deepEqual([kind, tools], ['not_offered', ['Other']]);
      assert.deepEqual(notOffered(url, tools).advice[0], 'It is offered: Other');
    });
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

describe('the query that proves a deployment', () => {
  const proof = (url: string) => {
    const signal = new AbortController().signal;
    return prove({ url, key: KEY, demo: false, display: quietDisplay(), signal });
  };

  it('is made through the URL, and must bring what it asked for', async () => {
    await serve({ answer: { result: [{ one: 1 }] } }, async (url) => {
      assert.equal((await proof(url))?.value, 1);
    });
    await serve({ answer: { result: [{ one: 2 }] } }, (url) =>
      assert.rejects(proof(url), { message: /brought 2 instead of 1/, exitCode: 4 }),
    );
  });

  it('is left out where the settings keep queries from the key, but not where they leave it nothing', async () => {
    await serve({ tools: ['GetSchemaOfTable'] }, async (url) => {
      assert.equal(await proof(url), undefined);
    });
    await serve({ tools: [] }, (url) =>
      assert.rejects(proof(url), { message: /offered no RunSqlQuery/ }),
    );
  });
});
