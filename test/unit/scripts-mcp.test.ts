import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { outputText } from '../../scripts/commands/output.ts';
import { rowLines } from '../../scripts/commands/query.ts';
import { resultLines } from '../../scripts/commands/up-result.ts';
import { clientSettings, compactJson } from '../../scripts/mcp/client-settings.ts';
import { answerOf } from '../../scripts/mcp/sql-answer.ts';

const text = (body: unknown, isError = false) => ({
  isError,
  content: [{ type: 'text', text: typeof body === 'string' ? body : JSON.stringify(body) }],
});

describe('answers of RunSqlQuery', () => {
  it('bring rows under the name that either version of the server uses', () => {
    const rows = [{ a: 1 }];
    assert.deepEqual(answerOf(text({ result: rows })), { kind: 'rows', rows });
    assert.deepEqual(answerOf(text({ results: rows })), { kind: 'rows', rows });
    assert.deepEqual(answerOf(text({ result: [] })), { kind: 'rows', rows: [] });
  });

  it('are errors when they say so, marked as such or not', () => {
    const message = 'Job 1 failed: no such table';
    assert.deepEqual(
      answerOf(text({ error: 'Job 1 failed:\n\nno such table', message: 'general' })),
      {
        kind: 'error',
        message,
      },
    );
    assert.deepEqual(answerOf(text({ error: message }, true)), { kind: 'error', message });
    assert.deepEqual(answerOf(text({ result: [{ a: 1 }], error: 'cut' }, true)), {
      kind: 'error',
      message: 'cut',
    });
    assert.deepEqual(answerOf(text('plain words', true)), {
      kind: 'error',
      message: 'plain words',
    });
    assert.equal(answerOf({ content: [] }).kind, 'error');
  });

  it('become a table with a column for every field that any row has', () => {
    const rows = [
      { n: 1, s: 'a' },
      { n: 22, s: null, x: { y: [1] } },
    ];
    assert.deepEqual(rowLines(rows), [
      ' n  s     x',
      '──  ────  ─────────',
      ' 1  a',
      '22  NULL  {"y":[1]}',
      '',
      '2 rows',
    ]);
    assert.deepEqual(rowLines([]), ['0 rows']);
  });
});

describe('settings for MCP clients', () => {
  const url = 'http://127.0.0.1:8470/mcp';

  it('name the four clients, the URL and a place for the key', () => {
    const settings = clientSettings(url);
    assert.deepEqual(
      settings.map(({ client }) => client),
      ['Claude Code', 'Claude Desktop', 'Cursor', 'VS Code'],
    );
    for (const { client, text: pasted } of settings) {
      assert.ok(pasted.includes(url), client);
      assert.ok(
        pasted.includes(client === 'VS Code' ? 'input:lakehouse-key' : 'Bearer <key>'),
        client,
      );
      if (client !== 'Claude Code') assert.doesNotThrow(() => JSON.parse(pasted), client);
    }
  });

  it('hold the key when asked, and VS Code never does', () => {
    const [code, desktop, cursor, vscode] = clientSettings(url, 'k3y').map(
      ({ text: pasted }) => pasted,
    );
    assert.match(code ?? '', /--header "Authorization: Bearer k3y"$/);
    assert.equal(JSON.parse(desktop ?? '').mcpServers.lakehouse.env.LAKEHOUSE_AUTH, 'Bearer k3y');
    assert.equal(JSON.parse(cursor ?? '').mcpServers.lakehouse.headers.Authorization, 'Bearer k3y');
    assert.doesNotMatch(vscode ?? '', /k3y/);
  });

  it('are JSON that reads back as it was, however it is broken into lines', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        assert.deepEqual(JSON.parse(compactJson(value)), JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 50 },
    );
  });
});

describe('outputs', () => {
  const outputs = {
    mcpUrl: { value: 'http://u', secret: false },
    mcpKeys: { value: { default: 'k3y' }, secret: true },
  };
  const show = (options: { name?: string; showSecrets?: boolean; json?: boolean }) =>
    outputText(outputs, { showSecrets: false, json: false, ...options });

  it('hide secrets until asked', () => {
    assert.doesNotMatch(show({}), /k3y/);
    assert.doesNotMatch(show({ json: true }), /k3y/);
    assert.match(show({ showSecrets: true }), /k3y/);
    assert.throws(() => show({ name: 'mcpKeys' }), {
      message: 'The output "mcpKeys" is secret.',
      exitCode: 2,
      advice: ['Show it: npm run -s output -- mcpKeys --show-secrets'],
    });
  });

  it('print one alone: text bare, a map of texts by line, JSON when asked', () => {
    assert.equal(show({ name: 'mcpUrl' }), 'http://u');
    assert.equal(show({ name: 'mcpUrl', json: true }), '"http://u"');
    assert.equal(show({ name: 'mcpKeys', showSecrets: true }), 'default: k3y');
    assert.deepEqual(JSON.parse(show({ name: 'mcpKeys', showSecrets: true, json: true })), {
      default: 'k3y',
    });
  });

  it('say which name was probably meant', () => {
    assert.throws(() => show({ name: 'mcpUlr' }), /Did you mean "mcpUrl"\?/);
  });
});

describe('the end of up', () => {
  const end = (remote: string | undefined = undefined, more: object = {}) =>
    resultLines({
      stack: 'dev',
      url: 'http://127.0.0.1:8470/mcp',
      durationMs: 46_000,
      remote,
      ownAuthority: false,
      unresolved: undefined,
      trial: false,
      ...more,
    })
      .map(stripVTControlCharacters)
      .join('\n');

  it('is the URL and how to read the key', () => {
    assert.match(
      end(),
      /Ready in 46 s\.\n\n {2}MCP URL {3}http:\/\/127\.0\.0\.1:8470\/mcp\n {2}Key {7}npm run -s output -- mcpKeys --show-secrets\n$/,
    );
  });

  it('says how to reach the URL when the engine is on another machine', () => {
    assert.match(end('ssh://me@far:22'), /ssh -N -L 8470:127\.0\.0\.1:8470 me@far/);
    assert.doesNotMatch(end(), /ssh -N/);
  });

  it('is the https URL in production, how to trust its authority, and what DNS must know', () => {
    const text = end(undefined, {
      stack: 'prod',
      url: 'https://mcp.test/mcp',
      ownAuthority: true,
      unresolved: '127.0.0.1',
      trial: true,
    });
    assert.match(text, /MCP URL {3}https:\/\/mcp\.test\/mcp/);
    assert.match(text, /CA {8}npm run -s output -- --stack prod caCertificate > ca\.pem/);
    assert.match(text, /DNS does not know mcp\.test here, so 127\.0\.0\.1 was called/);
    assert.match(text, /This is a trial/);
  });
});
