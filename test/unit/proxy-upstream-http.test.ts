import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { inspectSettings, readSettings, SettingsError } from '../../images/kit/src/settings.ts';
import { checkUpstream, chooseUpstream } from '../../images/proxy/src/choice.ts';
import { type ClientRequest, parsePayload } from '../../images/proxy/src/jsonrpc/message.ts';
import { proxySettings } from '../../images/proxy/src/settings.ts';
import { markFailure } from '../../images/proxy/src/upstream/http/error-status.ts';
import { FixedArguments } from '../../images/proxy/src/upstream/http/fixed-arguments.ts';
import { Redactor } from '../../images/proxy/src/upstream/http/redactor.ts';
import { troubleOf } from '../../images/proxy/src/upstream/http/refusal.ts';
import { SseParser } from '../../images/proxy/src/upstream/http/sse.ts';

type Heard = [type: string, data: string] | ['oversize', string, string, number];

function parse(pieces: Iterable<Buffer>, limit = 1024 * 1024) {
  const heard: Heard[] = [];
  const parser = new SseParser(limit, {
    event: ({ type, data }) => heard.push([type, data.toString()]),
    oversize: (head, tail, length) =>
      heard.push(['oversize', head.toString(), tail.toString(), length]),
  });
  for (const piece of pieces) parser.push(piece);
  return { heard, id: parser.lastEventId, retry: parser.retryMs };
}

describe('an event stream', () => {
  const text = [
    '\ufeff: a comment\n',
    'data: {"a":1}\n\n',
    'event: message\r\ndata: one\r\ndata:two\r\nid: 7\r\n\r\n',
    'data\rretry: 250\rdata:  three\r\r',
    ': data: no\nevent: ping\ndata: {}\n\n',
    'id: 9\ndata: ünï\nretry: x\nother: y\n\n',
    'event: nothing\n\n',
    'id: 10\ndata: never finished',
  ].join('');
  const expected = {
    heard: [
      ['message', '{"a":1}'],
      ['message', 'one\ntwo'],
      ['message', '\n three'],
      ['ping', '{}'],
      ['message', 'ünï'],
    ],
    id: '9',
    retry: 250,
  };
  const bytes = Buffer.from(text);

  it('is read the same wherever it is cut', () => {
    assert.deepEqual(parse([bytes]), expected);
    for (let at = 0; at <= bytes.length; at++)
      assert.deepEqual(parse([bytes.subarray(0, at), bytes.subarray(at)]), expected, String(at));
    assert.deepEqual(parse([...bytes].map((byte) => Buffer.from([byte]))), expected);
  });

  it('is read the same with any of the three line breaks', () => {
    for (const end of ['\n', '\r', '\r\n'])
      assert.deepEqual(
        parse([Buffer.from(['id: 1', 'data: a', 'data: b', '', 'data: c', '', ''].join(end))]),
        {
          heard: [
            ['message', 'a\nb'],
            ['message', 'c'],
          ],
          id: '1',
          retry: undefined,
        },
        JSON.stringify(end),
      );
  });

  it('loses an event above the limit alone, and keeps both ends of it', () => {
    const long = `{"id":5,${'x'.repeat(9_000)},"end":1}`;
    const many = `data: {"id":6,\n${'data: yy\n'.repeat(2_000)}data: "end":2}\n\n`;
    const whole = Buffer.from(`data: a\n\ndata: ${long}\n\n${many}data: b\n\n`);
    for (const size of [1, 7, 1000, whole.length]) {
      const pieces = [];
      for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
      const [first, one, two, last, ...rest] = parse(pieces, 4_096).heard;
      assert.deepEqual([first, last, rest], [['message', 'a'], ['message', 'b'], []]);
      assert.match(String(one), /^oversize,\{"id":5,xxx.*"end":1\},90\d\d$/);
      assert.match(String(two), /^oversize,\{"id":6,\n/);
    }
  });

  it('keeps nothing of a comment, however long it is', () => {
    const pieces = [':', ...Array.from({ length: 100 }, () => 'x'.repeat(100)), '\ndata: a\n\n'];
    assert.deepEqual(parse(pieces.map(Buffer.from), 1_000).heard, [['message', 'a']]);
  });

  it('takes a time that grows with its length alone', () => {
    const time = (size: number) => {
      const short = Buffer.from(`${'data: x\n'.repeat(size / 8)}\n`);
      const one = Buffer.from(`data: ${'x'.repeat(size)}\n\n`);
      const bytewise = Array.from({ length: size / 16 }, (_, at) => one.subarray(at, at + 1));
      const start = performance.now();
      parse([short]);
      parse([one]);
      parse(bytewise);
      return performance.now() - start;
    };
    time(1 << 18);
    const small = Math.max(2, time(1 << 18));
    // Eight times the bytes: 64 times the time if it were quadratic.
    assert.ok(time(1 << 21) < small * 30);
  });
});

const request = (text: string): ClientRequest => {
  const [message] = parsePayload(Buffer.from(text)).messages;
  assert.equal(message?.kind, 'request');
  return message as ClientRequest;
};
const callText = (given: string) =>
  `{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"t"${given}}}`;

describe('fixed arguments', () => {
  const fixed = new FixedArguments({ auth_token: 'secret', deep: { a: [1] } });
  const sent = (given: string) =>
    Buffer.concat(fixed.outbound(request(callText(given)), 5) ?? []).toString();
  const added = '"auth_token":"secret","deep":{"a":[1]}';

  it('are put in front of those of the client, whose bytes stay', () => {
    const cases: [string, string][] = [
      ['', `{"arguments":{${added}},"name":"t"}`],
      [',"arguments":{}', `{"name":"t","arguments":{${added}}}`],
      [',"arguments": { "n" : 1.50 }', `{"name":"t","arguments": {${added}, "n" : 1.50 }}`],
      [',"arguments":{"deep":7}', `{"name":"t","arguments":{${added}}}`],
      [
        ',"arguments":{"auth_token":"mine","n":1e2,"\\u0064eep":1,"auth_token":{"x":"}"}}',
        `{"name":"t","arguments":{${added},"n":1e2}}`,
      ],
    ];
    for (const [given, params] of cases)
      assert.equal(
        sent(given),
        `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":${params}}`,
      );
  });

  it('are what the server reads, whatever arguments a client makes up', () => {
    // Not the key \ beside the key ": JSON.parse of Node 24 takes one for the other in objects of one shape.
    const keys = fc.constantFrom('auth_token', 'deep', 'a', '', '"', 'auth_Token', 'ü');
    fc.assert(
      fc.property(fc.dictionary(keys, fc.jsonValue()), fc.nat(3), (given, indent) => {
        const text = callText(`,"arguments":${JSON.stringify(given, null, indent)}`);
        const bytes = Buffer.concat(fixed.outbound(request(text), 5) ?? []);
        const { params } = JSON.parse(bytes.toString()) as { params: { arguments: unknown } };
        const expected = { ...JSON.parse(JSON.stringify(given)), ...FIXED };
        assert.deepEqual(params.arguments, expected);
      }),
      { numRuns: 200 },
    );
  });
  const FIXED = { auth_token: 'secret', deep: { a: [1] } };

  it('leave other requests alone, and refuse arguments that are no object', () => {
    const list = request('{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"c"}}');
    assert.ok(!Buffer.concat(fixed.outbound(list, 5) ?? []).includes('secret'));
    for (const given of ['null', '[]', '"auth_token"', '1'])
      assert.equal(fixed.outbound(request(callText(`,"arguments":${given}`)), 5), undefined);
  });

  it('are hidden from the schemas of tools/list; every other byte stays', () => {
    const tool = (properties: string, required: string) =>
      `{"name":"t", "inputSchema":{"type":"object","properties":${properties},"required":${required}} }`;
    const hidden = (tools: string) => {
      const bytes = Buffer.from(`{"result":{"tools":[${tools}],"nextCursor":"auth_token"},"id":1}`);
      const text = fixed.hidden(bytes).toString();
      return text.slice(
        '{"result":{"tools":['.length,
        -'],"nextCursor":"auth_token"},"id":1}'.length,
      );
    };
    assert.equal(
      hidden(
        `${tool('{"auth_token":{"type":"string"}, "n":{}}', '["n" ,"auth_token"]')},${tool('{"n":{},"deep":{},"m":{},"auth_token":{}}', '["auth_token", "m","deep"]')}`,
      ),
      `${tool('{"n":{}}', '["n"]')},${tool('{"n":{},"m":{}}', '["m"]')}`,
    );
    assert.equal(hidden(tool('{"auth_token":{},"deep":1}', '["deep"]')), tool('{}', '[]'));
    assert.equal(hidden('{"name":"bare"}'), '{"name":"bare"}');
  });
});

describe('a result whose JSON has the status of an error', () => {
  const marked = (result: string) => {
    const bytes = Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${result}}`);
    return markFailure(bytes, 'ERROR')
      .toString()
      .slice('{"jsonrpc":"2.0","id":1,"result":'.length, -1);
  };
  it('becomes an error; every other byte stays', () => {
    const text = '"content":[{"type":"text","text":"{\\"status\\": \\"ERROR\\"}"}]';
    assert.equal(marked(`{ ${text}}`), `{"isError":true, ${text}}`);
    assert.equal(marked(`{${text},"isError": false}`), `{${text},"isError": true}`);
    assert.equal(
      marked('{"structuredContent":{"rows":[1.0],"status":"ERROR"}}'),
      '{"isError":true,"structuredContent":{"rows":[1.0],"status":"ERROR"}}',
    );
  });
  it('is anything but one with another status, or with those words elsewhere', () => {
    for (const result of [
      '{"content":[{"type":"text","text":"{\\"status\\": \\"OK\\"}"}]}',
      '{"content":[{"type":"text","text":"\\"status\\": \\"ERROR\\""}]}',
      '{"content":[{"type":"text","text":"{\\"rows\\":[{\\"status\\":\\"ERROR\\"}]}"}]}',
      '{"structuredContent":{"rows":{"status":"ERROR"}}}',
      '{"status":"ERROR"}',
      'null',
    ])
      assert.equal(marked(result), result);
  });
});

describe('credentials in what a server sends', () => {
  const secret = 'f4k3c0ffee99"0badcafe1234';
  const redact = new Redactor([`Bearer ${secret}`, 'superadmin', 'plain-words-only-here']);
  it('are taken out, also escaped, and also what is left of them when they were shortened', () => {
    assert.equal(redact.text(`a ${secret} b`), 'a [redacted] b');
    assert.equal(redact.text(JSON.stringify({ x: secret })), '{"x":"[redacted]"}');
    assert.equal(
      redact.text(`${secret.slice(0, 11)}...${secret.slice(-10)}'`),
      "[redacted]...[redacted]'",
    );
    assert.equal(redact.text(secret + secret), '[redacted][redacted]');
    assert.equal(redact.text('plain-words-only-here'), '[redacted]');
  });
  it('are not confused with short values and parts of words', () => {
    for (const text of ['superadmin', 'plain-words', 'only-here', 'f4k3c0', ''])
      assert.equal(redact.text(text), text);
  });
});

describe('a refusal by HTTP status', () => {
  const of = (status: number, more: { text?: string; inSession?: boolean; retryAfter?: string }) =>
    troubleOf({
      status,
      retryAfter: more.retryAfter,
      text: more.text ?? '',
      inSession: more.inSession ?? false,
      address: 'http://x/mcp',
      now: Date.parse('2026-01-01T00:00:00Z'),
    });
  it('means a forgotten session only where there was one', () => {
    assert.equal(of(404, { inSession: true }).code, 'session_gone');
    assert.equal(of(404, {}).code, 'upstream_unwell');
    const python = 'Bad Request: No valid session ID provided';
    assert.equal(of(400, { inSession: true, text: python }).code, 'session_gone');
    assert.equal(of(400, { inSession: true, text: 'bad' }).code, 'upstream_unwell');
    assert.equal(of(400, { text: python }).code, 'upstream_unwell');
  });
  it('says when to come again, at most an hour later', () => {
    assert.equal(of(429, { retryAfter: '7' }).retryAfter, 7);
    assert.equal(of(503, { retryAfter: 'Thu, 01 Jan 2026 00:00:09 GMT' }).retryAfter, 9);
    assert.equal(of(503, { retryAfter: '999999' }).retryAfter, 3600);
    assert.equal(of(429, {}).retryAfter, 1);
  });
});

describe('the settings of the upstream', () => {
  const problems = (env: Record<string, string>) =>
    checkUpstream(inspectSettings(proxySettings, env).values);
  it('need the address of the chosen one', () => {
    assert.match(problems({}).join(), /^DREMIO_URL is not set; expected an http or https URL/);
    assert.match(problems({ UPSTREAM: 'http' }).join(), /^UPSTREAM_URL is not set; expected/);
    assert.deepEqual(problems({ DREMIO_URL: 'http://d' }), []);
    assert.deepEqual(problems({ UPSTREAM: 'http', UPSTREAM_URL: 'http://u' }), []);
    // What is wrong with a value is told where it is read.
    assert.deepEqual(problems({ DREMIO_URL: 'nothing' }), []);
    assert.deepEqual(problems({ UPSTREAM: 'ftp' }), []);
  });
  it('name every setting of the other one that would be left aside', () => {
    const found = problems({
      UPSTREAM: 'http',
      DREMIO_URL: 'http://d',
      REFRESHER_URL: 'http://r',
    });
    assert.deepEqual(
      found.map((line) => line.split(' ')[0]),
      ['UPSTREAM_URL', 'DREMIO_URL', 'REFRESHER_URL'],
    );
    assert.match(
      found[1] ?? '',
      /is set, but UPSTREAM is http .*unset it, or set UPSTREAM to dremio/,
    );
    assert.match(
      problems({ DREMIO_URL: 'http://d', UPSTREAM_HOST: 'x:1' }).join(),
      /^UPSTREAM_HOST is set, but UPSTREAM is dremio/,
    );
    assert.throws(() => chooseUpstream(readSettings(proxySettings, {})), SettingsError);
  });
});
