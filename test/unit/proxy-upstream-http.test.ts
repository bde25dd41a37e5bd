import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { createLogger } from '../../images/kit/src/logger.ts';
import { inspectSettings, readSettings, SettingsError } from '../../images/kit/src/settings.ts';
import { checkUpstream, chooseUpstream } from '../../images/proxy/src/choice.ts';
import { type ClientRequest, parsePayload } from '../../images/proxy/src/jsonrpc/message.ts';
import { proxySettings } from '../../images/proxy/src/settings.ts';
import { Additions } from '../../images/proxy/src/upstream/http/additions.ts';
import { readArguments } from '../../images/proxy/src/upstream/http/arguments-file.ts';
import { markFailure } from '../../images/proxy/src/upstream/http/error-status.ts';
import { FixedArguments } from '../../images/proxy/src/upstream/http/fixed-arguments.ts';
import { Redactor } from '../../images/proxy/src/upstream/http/redactor.ts';
import { troubleOf } from '../../images/proxy/src/upstream/http/refusal.ts';
import { SseParser } from '../../images/proxy/src/upstream/http/sse.ts';
import { ToolInputs } from '../../images/proxy/src/upstream/http/tool-inputs.ts';
import { CARE, Watch } from '../../images/proxy/src/upstream/http/watch.ts';

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
      // The best of some runs, in time of this process: what else the machine does is no part of it.
      const runs = Array.from({ length: 3 }, () => {
        const start = process.cpuUsage();
        parse([short]);
        parse([one]);
        parse(bytewise);
        return process.cpuUsage(start).user / 1000;
      });
      return Math.max(2, Math.min(...runs));
    };
    const small = time(1 << 16);
    // Sixteen times the bytes: 256 times the time if it were quadratic.
    assert.ok(time(1 << 20) < small * 80);
  });
});

const request = (text: string): ClientRequest => {
  const [message] = parsePayload(Buffer.from(text)).messages;
  assert.equal(message?.kind, 'request');
  return message as ClientRequest;
};
const callText = (given: string) =>
  `{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"t"${given}}}`;

/** Tools by name, each with its input schema. */
function toolsOf(schemas: Record<string, unknown>): ToolInputs {
  const tools = new ToolInputs();
  const list = Object.entries(schemas).map(([name, inputSchema]) => ({ name, inputSchema }));
  tools.learn({ tools: list });
  return tools;
}
const schemaOf = (...names: string[]) => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, {}])),
});

describe('fixed arguments', () => {
  const all = { auth_token: 'secret', deep: { a: [1] } };
  const fixed = new FixedArguments({ all, byTool: new Map() });
  const tools = toolsOf({ t: schemaOf('auth_token', 'deep', 'n') });
  const sent = (given: string) =>
    Buffer.concat(fixed.outbound(request(callText(given)), 5, tools)).toString();
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

  it('go to no tool that does not ask for them, and a value of the client for them to none at all', () => {
    const argumentsTo = (inputSchema: unknown, given: string) => {
      const call = request(callText(given));
      const bytes = Buffer.concat(fixed.outbound(call, 5, toolsOf({ t: inputSchema })));
      return (JSON.parse(bytes.toString()) as { params: { arguments?: unknown } }).params.arguments;
    };
    const mine = ',"arguments":{"auth_token":"mine","n":1,"deep":2}';
    for (const silent of [
      schemaOf('n'),
      { type: 'object' },
      { ...schemaOf('n'), additionalProperties: false },
      { allOf: [schemaOf('auth_token')] },
      undefined,
      'auth_token',
    ]) {
      assert.deepEqual(argumentsTo(silent, mine), { n: 1 });
      assert.equal(argumentsTo(silent, ''), undefined);
    }
    assert.deepEqual(argumentsTo(schemaOf('deep'), mine), { deep: { a: [1] }, n: 1 });
    for (const more of [true, {}, { type: 'string' }])
      assert.deepEqual(argumentsTo({ additionalProperties: more }, mine), { ...all, n: 1 });
    // A tool that the server does not offer.
    const other = Buffer.concat(fixed.outbound(request(callText(mine)), 5, toolsOf({})));
    assert.ok(!other.includes('secret') && !other.includes('mine'));
  });

  it('of one tool go to it whatever its schema says, before those for all, and are hidden there alone', () => {
    const given = new FixedArguments({
      all: { role: 'reader' },
      byTool: new Map([['q', { role: 'analyst', limit: 5 }]]),
    });
    const offered = toolsOf({ q: schemaOf('role'), other: schemaOf('role', 'limit') });
    assert.deepEqual(given.of('q', offered), { role: 'analyst', limit: 5 });
    assert.deepEqual(given.of('other', offered), { role: 'reader' });
    assert.deepEqual(given.of('q', toolsOf({})), { role: 'analyst', limit: 5 });
    const list = (...names: string[]) =>
      names.map((name) => ({ name, inputSchema: schemaOf('limit', 'n', 'role') }));
    const shown = given.hidden(Buffer.from(JSON.stringify({ result: { tools: list('q', 'o') } })));
    const { result } = JSON.parse(shown.toString()) as {
      result: { tools: { inputSchema: { properties: object } }[] };
    };
    const left = result.tools.map(({ inputSchema }) => Object.keys(inputSchema.properties));
    assert.deepEqual(left, [['n'], ['limit', 'n']]);
    assert.deepEqual(given.unused(offered), []);
    assert.deepEqual(given.unused(toolsOf({ other: schemaOf('n') })), [
      'no tool of the server takes the argument role',
      'the server offers no tool q',
    ]);
  });

  it('are what the server reads, whatever arguments a client makes up', () => {
    // Not the key \ beside the key ": JSON.parse of Node 24 takes one for the other in objects of one shape.
    const keys = fc.constantFrom('auth_token', 'deep', 'a', '', '"', 'auth_Token', 'ü');
    fc.assert(
      fc.property(
        fc.dictionary(keys, fc.jsonValue()),
        fc.subarray(['auth_token', 'deep', 'a']),
        fc.nat(3),
        (given, asked, indent) => {
          const text = callText(`,"arguments":${JSON.stringify(given, null, indent)}`);
          const offered = toolsOf({ t: schemaOf(...asked) });
          const bytes = Buffer.concat(fixed.outbound(request(text), 5, offered));
          const { params } = JSON.parse(bytes.toString()) as { params: { arguments: unknown } };
          const { auth_token: _, deep: __, ...rest } = JSON.parse(JSON.stringify(given)) as Values;
          const gets = Object.entries(all).filter(([name]) => asked.includes(name));
          assert.deepEqual(params.arguments, { ...rest, ...Object.fromEntries(gets) });
        },
      ),
      { numRuns: 200 },
    );
  });
  type Values = Record<string, unknown>;

  it('leave other requests alone, and refuse arguments that are no object', () => {
    const list = request('{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"c"}}');
    assert.ok(!Buffer.concat(fixed.outbound(list, 5, tools)).includes('secret'));
    assert.ok(fixed.fits(list));
    for (const given of ['null', '[]', '"auth_token"', '1'])
      assert.ok(!fixed.fits(request(callText(`,"arguments":${given}`))), given);
  });

  it('are hidden from the schemas of tools/list; every other byte stays', () => {
    const tool = (properties: string, required: string) =>
      `{"name":"t", "inputSchema":{"type":"object","properties":${properties},"required":${required}} }`;
    const hidden = (list: string) => {
      const bytes = Buffer.from(`{"result":{"tools":[${list}],"nextCursor":"auth_token"},"id":1}`);
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

describe('the file of fixed arguments', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakehouse-arguments-'));
  });
  after(() => rm(folder, { recursive: true }));
  const read = async (value: unknown) => {
    const path = join(folder, 'arguments.json');
    await writeFile(path, JSON.stringify(value));
    return readArguments(path);
  };

  it('names arguments, or with the member "*" tools and their arguments', async () => {
    assert.deepEqual(await read({ auth_token: 'x', a: { b: 1 } }), {
      all: { auth_token: 'x', a: { b: 1 } },
      byTool: new Map(),
    });
    assert.deepEqual(await read({ q: { role: 'y' }, '*': { auth_token: 'x' } }), {
      all: { auth_token: 'x' },
      byTool: new Map([['q', { role: 'y' }]]),
    });
    assert.deepEqual(await read({}), { all: {}, byTool: new Map() });
  });

  it('is told to be wrong without a word of what is in it', async () => {
    for (const value of [['secret-1'], 'secret-1', { '*': 'secret-1' }, { '*': {}, q: 'secret-1' }])
      await assert.rejects(read(value), (error: Error) => {
        assert.equal(error.name, 'NamedFileError');
        assert.ok(!error.message.includes('secret-1'), error.message);
        return true;
      });
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

describe('what the files add', () => {
  it('is kept from coming back until the change after the next, as calls under way still have it', () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => lines.push(line) };
    const log = createLogger({ service: 'test', level: 'info', destination });
    const token = (n: number) => `token-number-${n}-0123456789`;
    const secrets = (n: number) => ({
      headers: { authorization: `Bearer header-${token(n)}` },
      arguments: {
        all: { auth_token: token(n) },
        byTool: new Map([['t', { own: `own-${token(n)}` }]]),
      },
    });
    const additions = new Additions(log, secrets(1));
    const shows = (n: number) => {
      const said = [token(n), `own-${token(n)}`, `Bearer header-${token(n)}`, `header-${token(n)}`];
      log.info('said', { said });
      const cleaned = additions.clean(Buffer.from(said.join(' '))).toString();
      return cleaned.includes(`number-${n}`) || (lines.pop() ?? '').includes(`number-${n}`);
    };
    assert.deepEqual([1, 2, 3].map(shows), [false, true, true]);
    additions.use(secrets(2));
    assert.deepEqual([1, 2, 3].map(shows), [false, false, true]);
    additions.use(secrets(3));
    assert.deepEqual([2, 3].map(shows), [false, false]);
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

describe('the look after an open session', () => {
  it('fault 28: is not put off when the clock is set back', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    const sleeps: { ms: number; wake: () => void }[] = [];
    const clock = {
      now: () => now,
      sleep: (ms: number, signal?: AbortSignal) =>
        new Promise<void>((wake) => {
          sleeps.push({ ms, wake });
          signal?.addEventListener('abort', () => wake());
        }),
    };
    let pings = 0;
    const link = { generation: 1, hasSession: true, ping: async () => void pings++ };
    const log = createLogger({ service: 'test', level: 'error', destination: { write: () => {} } });
    const read = () => assert.fail('no ping fails');
    const watch = new Watch(link, { care: CARE, clock, log, read });
    const stop = new AbortController();
    const running = watch.run(stop.signal);
    /** The time that was slept for passes, and the next sleep begins. */
    const pass = async () => {
      const last = sleeps.at(-1);
      now += last?.ms ?? 0;
      last?.wake();
      await setImmediate();
    };
    await pass();
    assert.deepEqual([pings, sleeps.map(({ ms }) => ms)], [1, [CARE.quietMs, CARE.quietMs]]);
    now -= 3_600_000;
    await pass();
    await pass();
    assert.equal(pings, 2);
    assert.equal(Math.max(...sleeps.map(({ ms }) => ms)), CARE.quietMs);
    stop.abort();
    await running;
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
  it('replace no child of a session', () => {
    const sharing = (CHILD_SHARING: string) =>
      problems({
        DREMIO_URL: 'http://d',
        CHILD_SHARING,
        CHILD_MAX_AGE: '60',
        CHILD_MAX_CALLS: '0',
      });
    assert.deepEqual(sharing('call'), []);
    assert.deepEqual(
      sharing('session').map((line) => line.split(',')[0]),
      ['CHILD_MAX_AGE is 60'],
    );
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
