import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createLogger } from '../../images/kit/src/logger.ts';
import { CallAudit } from '../../images/proxy/src/audit.ts';
import { readTraceparent } from '../../images/proxy/src/front/traceparent.ts';
import { type ClientRequest, parsePayload } from '../../images/proxy/src/jsonrpc/message.ts';
import { withMeta } from '../../images/proxy/src/jsonrpc/meta.ts';
import { redactSql } from '../../images/proxy/src/redact.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const parse = (text: string) => parsePayload(Buffer.from(text)).messages[0] as ClientRequest;
const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

describe('traceparent', () => {
  it('is passed on as version 00, and dropped when it is malformed', () => {
    const [, trace, parent] = TRACE.split('-');
    assert.equal(readTraceparent(TRACE), TRACE);
    assert.equal(readTraceparent(`cc-${trace}-${parent}-00-more`), `00-${trace}-${parent}-00`);
    const wrong: unknown[] = [undefined, '', 5, [TRACE], `${TRACE}-more`, `${TRACE}, ${TRACE}`];
    wrong.push(TRACE.toUpperCase(), ` ${TRACE}`, TRACE.replace(/^00/, 'ff'), TRACE.slice(1));
    wrong.push(`00-${'0'.repeat(32)}-${parent}-01`, `00-${trace}-${'0'.repeat(16)}-01`);
    wrong.push(`cc-${trace}-${parent}-00-${'x'.repeat(999)}`, `${TRACE}\n`);
    for (const value of wrong) assert.equal(readTraceparent(value), undefined, String(value));
  });

  it('comes into the request’s _meta, and no other byte changes', () => {
    const member = `"traceparent":"${TRACE}"`;
    const head = '{"jsonrpc":"2.0","id":12345678901234567890,"method":"m"';
    const table = [
      [`${head}}`, `{"params":{"_meta":{${member}}},${head.slice(1)}}`],
      [`${head},"params":{}}`, `${head},"params":{"_meta":{${member}}}}`],
      [
        `${head}, "params" : { "arguments":{"n":1.50}} }`,
        `${head}, "params" : {"_meta":{${member}}, "arguments":{"n":1.50}} }`,
      ],
      [`${head},"params":{"_meta":{}}}`, `${head},"params":{"_meta":{${member}}}}`],
      [
        `${head},"params":{"_meta": {"progressToken":"é"},"arguments":{}}}`,
        `${head},"params":{"_meta": {${member},"progressToken":"é"},"arguments":{}}}`,
      ],
    ];
    for (const [before = '', after] of table)
      assert.equal(withMeta(parse(before), 'traceparent', TRACE).bytes.toString(), after);
    for (const kept of ['{"traceparent":"own"}', '{"traceparent":null}', '5', 'null', '[]']) {
      const request = parse(`${head},"params":{"_meta":${kept}}}`);
      const changed = withMeta(request, 'traceparent', TRACE);
      assert.equal(changed, request, kept);
    }
  });

  it('leaves id, progress token and arguments where the request says they are', () => {
    const json = fc.jsonValue({ maxDepth: 2 });
    const part = fc.constantFrom('id', 'params', 'method', 'jsonrpc');
    fc.assert(
      fc.property(
        json,
        fc.boolean(),
        fc.shuffledSubarray(['_meta', 'arguments', 'x']),
        part,
        (value, spaced, inside, first) => {
          const params = Object.fromEntries(
            inside.map((name) => [
              name,
              name === '_meta' ? { progressToken: 'ü', z: value } : { value },
            ]),
          );
          const whole = { jsonrpc: '2.0', id: 'ä', method: 'm', params };
          const message = { [first]: whole[first as keyof typeof whole], ...whole };
          const text = JSON.stringify(message, null, spaced ? 1 : 0);
          if (/\\ud[89a-f]/i.test(text)) return;
          const request = withMeta(parse(text), 'traceparent', TRACE);
          const again = parse(request.bytes.toString());
          assert.deepEqual(again.params, request.params);
          assert.deepEqual(
            [again.idSpan, again.progressToken, again.argumentsSpan],
            [request.idSpan, request.progressToken, request.argumentsSpan],
          );
        },
      ),
    );
  });
});

describe('the audit line of a call', () => {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    service: 'proxy',
    level: 'error',
    destination: { write: (line: string) => lines.push(JSON.parse(line)) },
  });
  log.protect('a-protected-key-0123');
  const write = (params: object, { sql = false, traceparent = '', ...more } = {}) => {
    const request = parse(
      JSON.stringify({ jsonrpc: '2.0', id: 'i', method: 'tools/call', params }),
    );
    new CallAudit(log, { sql }).write({
      request,
      caller: { principal: 'p', session: 's', ...(traceparent ? { traceparent } : {}) },
      answer: { message: [], outcome: 'ok', generation: 3 },
      queuedMs: 1.6,
      durationMs: 20.4,
      ...more,
    });
    const { time: _, run: __, seq: ___, ...line } = lines.at(-1) ?? {};
    return line;
  };

  it('tells who, what and how long, and names id and arguments by their digest', () => {
    const params = { name: 'RunSqlQuery', arguments: { query: 'SELECT 1' } };
    assert.deepEqual(write(params, { traceparent: TRACE }), {
      level: 'info',
      service: 'proxy',
      event: 'tool_called',
      audit: true,
      principal: 'p',
      session: 's',
      request: sha('"i"'),
      tool: 'RunSqlQuery',
      arguments: sha('{"query":"SELECT 1"}'),
      outcome: 'ok',
      queue_ms: 2,
      duration_ms: 20,
      generation: 3,
      traceparent: TRACE,
    });
  });

  it('tells where the client comes from, when that is known', () => {
    const request = parse('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}');
    const answer = { message: [], outcome: 'ok', generation: 1 } as const;
    const caller = { principal: 'p', session: 's', client: '192.0.2.1' };
    new CallAudit(log, { sql: false }).write({
      request,
      caller,
      answer,
      queuedMs: 0,
      durationMs: 0,
    });
    assert.equal(lines.at(-1)?.client, '192.0.2.1');
    assert.ok(!('client' in write({ name: 'x' })));
  });

  it('tells the trace that the server was told, if that is one', () => {
    const own = TRACE.replace('01', '02');
    const withOwn = (value: unknown) =>
      write({ name: 'x', _meta: { traceparent: value } }, { traceparent: TRACE }).traceparent;
    assert.equal(withOwn(own), own);
    assert.equal(withOwn('made up'), undefined);
  });

  it('has SQL only where it is asked for, bounded, and without what is secret', () => {
    const sql = (query: unknown, tool = 'RunSqlQuery', argument = 'query') =>
      write({ name: tool, arguments: { [argument]: query } }, { sql: true });
    assert.equal(write({ name: 'RunSqlQuery', arguments: { query: 'SELECT 1' } }).sql, undefined);
    assert.equal(sql('SELECT 1').sql, 'SELECT 1');
    assert.equal(sql('SELECT 1', 'RunSqlQuery', 's').sql, 'SELECT 1');
    assert.equal(sql('SELECT 1', 'GetSchemaOfTable').sql, undefined);
    assert.equal(sql(['SELECT 1']).sql, undefined);
    assert.equal(sql("SELECT 'a-protected-key-0123'").sql, "SELECT '[redacted]'");
    const long = sql(`SELECT '${'x'.repeat(10_000)}'`);
    assert.deepEqual([String(long.sql).length, long.sql_cut], [4_000, true]);
    const late = `${'-'.repeat(3_990)} PASSWORD 'cut-in-the-middle'`;
    assert.ok(!String(sql(late).sql).includes('cut'));
  });

  it('takes quoted secrets out of SQL', () => {
    const table: [string, string][] = [
      ["CREATE USER a IDENTIFIED BY 'pw''x' x", "CREATE USER a IDENTIFIED BY '[redacted]' x"],
      ["x PASSWORD = 'pw'", "x PASSWORD = '[redacted]'"],
      ['"aws_secret_access_key" => "pw"', '"aws_secret_access_key" => \'[redacted]\''],
      ["client_secret_key: 'pw'", "client_secret_key: '[redacted]'"],
      ["apiKey='pw", "apiKey='[redacted]'"],
      ["h('Bearer abcdefgh12345')", "h('Bearer [redacted]')"],
      ["WHERE name = 'x'", "WHERE name = 'x'"],
    ];
    for (const [sql, expected] of table) assert.equal(redactSql(sql), expected);
  });
});
