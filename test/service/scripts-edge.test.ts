import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { before, describe, it } from 'node:test';
import { generate } from 'selfsigned';
import { checkEdge } from '../../scripts/mcp/edge.ts';
import { type Endpoint, resolvable } from '../../scripts/mcp/endpoint.ts';
import { runSql } from '../../scripts/mcp/mcp-client.ts';
import { startProbe } from '../../scripts/mcp/probe.ts';

/** A name that no DNS has (RFC 6761). */
const NAME = 'mcp.invalid';
const KEYS = new Set(['present-key']);

let pems: Awaited<ReturnType<typeof generate>>;
before(async () => {
  pems = await generate([{ name: 'commonName', value: 'Test authority' }], {
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: NAME }] },
    ],
  });
});

/** An edge that hands every request to `listener`. */
async function behindTls(
  listener: RequestListener,
  test: (endpoint: Endpoint & { ca: string; address: string }) => Promise<void>,
) {
  const server = createServer({ key: pems.private, cert: pems.cert }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const url = `https://${NAME}:${port}/mcp`;
    await test({ url, ca: pems.cert, address: '127.0.0.1' });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const answering = (status: number) => (_: IncomingMessage, response: ServerResponse) =>
  response.writeHead(status).end();

/** The part of an MCP server that the probe and a query need. */
async function mcp(request: IncomingMessage, response: ServerResponse) {
  let body = '';
  for await (const chunk of request) body += chunk;
  if (!KEYS.has(request.headers.authorization?.replace('Bearer ', '') ?? '')) {
    response.writeHead(401).end();
    return;
  }
  if (request.method !== 'POST') {
    response.writeHead(405).end();
    return;
  }
  const { id, method } = JSON.parse(body);
  if (id === undefined) {
    response.writeHead(202).end();
    return;
  }
  const results: Record<string, unknown> = {
    initialize: {
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 'test', version: '1' },
    },
    'tools/list': {
      tools: [
        {
          name: 'RunSqlQuery',
          inputSchema: { type: 'object', properties: { query: { type: 'string' } } },
        },
      ],
    },
    'tools/call': { content: [{ type: 'text', text: '{"result":[{"one":1}]}' }] },
  };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result: results[method] }));
}

describe('a URL whose name DNS does not know here', () => {
  it('is called at the engine’s machine; one that it knows is called as it is', async () => {
    const endpoint = { url: `https://${NAME}/mcp` };
    assert.deepEqual(await resolvable(endpoint, '127.0.0.1'), {
      ...endpoint,
      address: '127.0.0.1',
    });
    const known = { url: 'http://127.0.0.1:1/mcp' };
    assert.deepEqual(await resolvable(known, 'localhost'), known);
  });
});

describe('the edge, as a client meets it', () => {
  it('is fine when its certificate is trusted and it refuses a request without a key', async () => {
    await behindTls(answering(401), async (endpoint) => {
      const { problem, certificate, address } = await checkEdge(endpoint);
      assert.equal(problem, null);
      assert.equal(address, '127.0.0.1');
      assert.equal(certificate?.issuer, 'Test authority');
      const days = (certificate?.secondsLeft ?? 0) / 86_400;
      assert.ok(days > 300 && days < 400, `${days} days are left`);
    });
  });

  it('is not trusted without its authority, nor under another name', async () => {
    await behindTls(answering(401), async ({ ca: _ca, ...endpoint }) => {
      const { problem, certificate } = await checkEdge(endpoint);
      assert.match(problem ?? '', /certificate is not trusted here: .*self.signed/i);
      assert.ok(certificate !== null, 'its expiry is told all the same');
    });
    await behindTls(answering(401), async (endpoint) => {
      const other = { ...endpoint, url: endpoint.url.replace(NAME, 'other.invalid') };
      assert.match(
        (await checkEdge(other)).problem ?? '',
        /not trusted here: .*(altnames|ALTNAME)/,
      );
    });
  });

  it('that has no proxy behind it, or does not listen, is told in words', async () => {
    await behindTls(answering(502), async (endpoint) => {
      assert.match(
        (await checkEdge(endpoint)).problem ?? '',
        /status 502: no proxy behind the edge/,
      );
    });
    await behindTls(answering(404), async (endpoint) => {
      assert.match((await checkEdge(endpoint)).problem ?? '', /something else serves this path/);
    });
    let gone: Endpoint = { url: '' };
    await behindTls(answering(401), async (endpoint) => {
      gone = endpoint;
    });
    assert.match((await checkEdge(gone)).problem ?? '', /connection refused/);
  });
});

describe('calls through the edge', () => {
  it('bring rows with the stack’s own authority, and say so when it is not trusted', async () => {
    await behindTls(mcp, async (endpoint) => {
      const query = { key: 'present-key', sql: 'SELECT 1', timeoutMs: 5_000 };
      assert.deepEqual(await runSql({ ...endpoint, ...query }), {
        kind: 'rows',
        rows: [{ one: 1 }],
      });
      const { ca: _ca, ...untrusting } = endpoint;
      await assert.rejects(runSql({ ...untrusting, ...query }), {
        message: /^The TLS certificate of https:\/\/mcp\.invalid.* is not trusted here: /,
      });
    });
  });

  for (const what of ['list', 'query'] as const)
    it(`are counted while a key comes and another goes (${what})`, async () => {
      await behindTls(mcp, async (endpoint) => {
        const old = startProbe({ ...endpoint, key: 'present-key' }, what);
        assert.equal(await old.worksWithin(5_000), true);
        KEYS.add('new-key');
        const fresh = startProbe({ ...endpoint, key: 'new-key' }, what);
        assert.equal(await fresh.worksWithin(5_000), true);
        KEYS.delete('present-key');
        const until = old.noticed.failed + 1;
        while (old.noticed.failed < until) await new Promise((resolve) => setTimeout(resolve, 20));
        const [gone, stayed] = [await old.stop(), await fresh.stop()];
        assert.ok(gone.failed > 0 && gone.calls > gone.failed, JSON.stringify(gone));
        assert.equal(stayed.failed, 0, stayed.lastFailure ?? '');
      });
      KEYS.add('present-key');
    });
});
