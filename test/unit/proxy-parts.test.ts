import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { inspectSettings, readSettings } from '../../images/kit/src/settings.ts';
import { SessionSigner } from '../../images/proxy/src/era/session-id.ts';
import { negotiate } from '../../images/proxy/src/era/versions.ts';
import { readAccept } from '../../images/proxy/src/front/accept.ts';
import { hostTest, originTest } from '../../images/proxy/src/front/hosts.ts';
import { ResultBudget } from '../../images/proxy/src/hop/budget.ts';
import { retryAfterMs } from '../../images/proxy/src/hop/retry-after.ts';
import { matchRoute } from '../../images/proxy/src/hop/routes.ts';
import { proxySettings } from '../../images/proxy/src/settings.ts';
import { KEPT_BYTES, LineSplitter } from '../../images/proxy/src/upstream/stdio/lines.ts';
import { afterEnd, noRestarts, RESTART } from '../../images/proxy/src/upstream/stdio/restarts.ts';

describe('lines of a stream', () => {
  const split = (chunks: readonly Uint8Array[], limit = 2_000) => {
    const lines: string[] = [];
    const splitter = new LineSplitter(limit, {
      line: (bytes) => lines.push(bytes.toString()),
      oversize: (head, tail, length) => lines.push(`${length}:${head}…${tail}`),
    });
    for (const chunk of chunks) splitter.push(Buffer.from(chunk));
    return lines;
  };

  it('fault 9: are the same however the stream is cut', () => {
    const lines = fc.array(
      fc.string({ unit: 'grapheme', maxLength: 20 }).filter((s) => !/[\r\n]/.test(s)),
    );
    fc.assert(
      fc.property(
        lines,
        fc.array(fc.nat(9), { minLength: 1 }),
        fc.constantFrom('\n', '\r\n'),
        (texts, cuts, end) => {
          const bytes = Buffer.from(texts.map((line) => line + end).join(''));
          const chunks: Buffer[] = [];
          for (let from = 0, i = 0; from < bytes.length; i++) {
            const size = (cuts[i % cuts.length] ?? 0) + 1;
            chunks.push(bytes.subarray(from, from + size));
            from += size;
          }
          assert.deepEqual(
            split(chunks),
            texts.filter((line) => line !== ''),
          );
        },
      ),
    );
  });

  it('P5: keep both ends of one that is too long, and go on behind it', () => {
    const long = `begin${'x'.repeat(5_000)}end`;
    const chunks = Buffer.from(`short\n${long}\nshort again\nunfinished`);
    const [first, second, third, ...more] = split([chunks]);
    assert.equal(first, 'short');
    const filling = 'x'.repeat(KEPT_BYTES - 5);
    assert.equal(second, `5008:begin${filling}…xx${filling}end`);
    assert.equal(third, 'short again');
    assert.deepEqual(more, []);
    const byByte = [...chunks].map((byte) => Buffer.of(byte));
    assert.deepEqual(split(byByte), [first, second, third]);
  });

  it('may have exactly the limit', () => {
    assert.deepEqual(split([Buffer.from('12345\n123456\n')], 5), ['12345', '6:123456…123456']);
  });
});

describe('restarts', () => {
  it('come at once after a good run, then with growing pauses, then every 30 s', () => {
    let state = noRestarts;
    let now = 0;
    const pauses: number[] = [];
    for (let i = 0; i < 7; i++) {
      const decision = afterEnd(state, now, i === 0 ? RESTART.goodRunMs : 10);
      pauses.push(decision.pauseMs);
      state = decision.state;
      now += decision.pauseMs + 10;
    }
    assert.deepEqual(pauses, [0, 1_000, 2_000, 4_000, 30_000, 30_000, 30_000]);
  });

  it('P3: are at most 5 in 10 s, and then at most one in 30 s', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(500), { minLength: 30, maxLength: 30 }),
        fc.boolean(),
        (lives, ready) => {
          let state = noRestarts;
          let now = 0;
          const starts: number[] = [];
          for (const life of lives) {
            starts.push(now);
            now += life;
            const decision = afterEnd(state, now, ready ? life : 0);
            state = decision.state;
            now += decision.pauseMs;
          }
          assert.ok(starts.filter((at) => at < 10_000).length <= 5);
          for (let i = 6; i < starts.length; i++)
            assert.ok((starts[i] ?? 0) - (starts[i - 1] ?? 0) >= 30_000);
        },
      ),
    );
  });

  it('forget old ends and keep a bounded memory', () => {
    let state = noRestarts;
    for (let i = 0; i < 10_000; i++) state = afterEnd(state, i, 1).state;
    assert.ok(state.ends.length <= RESTART.breakerEnds);
    assert.equal(afterEnd(state, 10_000 + RESTART.breakerWindowMs, 1).pauseMs, 0);
    assert.equal(afterEnd(state, 10_001, RESTART.goodRunMs).pauseMs, 0);
  });
});

describe('session ids', () => {
  const signer = new SessionSigner(['secret-of-every-replica']);
  const data = {
    version: '2025-11-25',
    capabilities: 'rs',
    principal: 'default',
    expiresAt: 1_000,
  } as const;

  it('carry the session, visible ASCII only, until it expires', () => {
    const { id, session } = signer.issue(data);
    assert.match(id, /^[\x21-\x7e]{1,255}$/);
    assert.deepEqual(signer.read(id, 999_999), session);
    assert.equal(signer.read(id, 1_000_000), undefined);
    assert.deepEqual({ ...session, name: '' }, { name: '', ...data });
    assert.notEqual(signer.issue(data).id, id);
  });

  it('are worthless when a single character changes, or under another secret', () => {
    const { id } = signer.issue(data);
    fc.assert(
      fc.property(fc.nat(id.length - 1), fc.constantFrom(...'Aa0_-.'), (at, character) => {
        const changed = id.slice(0, at) + character + id.slice(at + 1);
        // The last character of base64url carries unused bits, but ours is compared as text.
        if (changed !== id) assert.equal(signer.read(changed, 0), undefined);
      }),
    );
    assert.equal(new SessionSigner(['another']).read(id, 0), undefined);
  });

  it('of the secret before are valid, and new ones are of the current secret', () => {
    const before = new SessionSigner(['old']);
    const between = new SessionSigner(['new', 'old']);
    const { id: old } = before.issue(data);
    const { id: fresh } = between.issue(data);
    assert.ok(between.read(old, 0) && between.read(fresh, 0));
    assert.equal(before.read(fresh, 0), undefined);
    between.use(['newest', 'new']);
    assert.equal(between.read(old, 0), undefined, 'also when it was found right before');
    assert.ok(between.read(fresh, 0));
  });
});

describe('small decisions', () => {
  it('negotiate the client’s revision when both know it', () => {
    const table: [unknown, string, string][] = [
      ['2025-06-18', '2025-11-25', '2025-06-18'],
      ['2025-11-25', '2025-06-18', '2025-06-18'],
      ['2024-11-05', '2025-06-18', '2024-11-05'],
      ['2026-07-28', '2025-11-25', '2025-11-25'],
      ['2024-10-07', '2025-11-25', '2025-11-25'],
      [undefined, '2026-07-28', '2025-11-25'],
    ];
    for (const [asked, server, result] of table) assert.equal(negotiate(asked, server), result);
  });

  it('read what a client accepts', () => {
    const table: [string | undefined, boolean, boolean][] = [
      [undefined, true, false],
      ['*/*', true, false],
      ['application/json, text/event-stream', true, true],
      ['Text/Event-Stream;q=0.9', false, true],
      ['text/*', false, true],
      ['application/json;q=0', false, false],
      ['text/html', false, false],
    ];
    for (const [header, json, stream] of table)
      assert.deepEqual(readAccept(header), { json, stream });
  });

  it('read Retry-After as seconds or as a date', () => {
    assert.equal(retryAfterMs('2', 0), 2_000);
    assert.equal(retryAfterMs('Thu, 01 Jan 1970 00:00:05 GMT', 1_000), 4_000);
    assert.equal(retryAfterMs('Thu, 01 Jan 1970 00:00:00 GMT', 1_000), 0);
    for (const nothing of [undefined, '', 'soon', '-1x'])
      assert.equal(retryAfterMs(nothing, 0), undefined);
  });

  it('count what a query fetches, and forget the oldest of many', () => {
    const budget = new ResultBudget(10);
    assert.equal(budget.take('a', 10), true);
    assert.equal(budget.spent('a'), false);
    assert.equal(budget.take('a', 1), false);
    assert.equal(budget.spent('a'), true);
    for (let i = 0; i < 1_000; i++) budget.take(`q${i}`, 1);
    assert.equal(budget.spent('a'), false);
  });

  it('know the paths of the official server by pattern', () => {
    const pattern = (method: string, target: string) => matchRoute(method, target)?.route.pattern;
    assert.equal(pattern('POST', '/api/v3/sql'), '/api/v3/sql');
    assert.equal(
      pattern('GET', '/api/v3/catalog/by-path/a/b%20c'),
      '/api/v3/catalog/by-path/{path}',
    );
    assert.equal(matchRoute('GET', '/api/v3/job/7/results?offset=0')?.query, '7');
    for (const target of [
      '/api/v3/job/..',
      '/api/v3/job/%2e%2e/results',
      '/api/v3/job/a\\b',
      '/api/v3/job/a b',
    ])
      assert.equal(pattern('GET', target), undefined, target);
    fc.assert(
      fc.property(fc.string(), (tail) => {
        const match = matchRoute('GET', `/apiv2/${tail}`);
        assert.equal(match, undefined);
      }),
    );
  });
});

describe('allow-lists', () => {
  it('take a host without a port for every port, with one for that port', () => {
    const allows = hostTest(['mcp.example', 'other.example:8443', '[fd00::1]']);
    for (const host of [
      'mcp.example',
      'MCP.example:1',
      'other.example:8443',
      '[fd00::1]:9',
      'localhost',
    ])
      assert.ok(allows(host), host);
    for (const host of [
      'other.example',
      'other.example:8444',
      'x.mcp.example',
      'mcp.example.',
      undefined,
    ])
      assert.ok(!allows(host), host);
  });

  it('take an origin exactly', () => {
    const allows = originTest(['https://App.example']);
    assert.ok(allows('https://app.example') && allows('HTTP://LOCALHOST:3000'));
    for (const origin of [
      'http://app.example',
      'https://app.example:444',
      'https://app.example/',
      'null',
    ])
      assert.ok(!allows(origin), origin);
  });

  it('P12: refuse entries that mean nothing', () => {
    const problemOf = (env: Record<string, string>) => {
      const { problems } = inspectSettings(proxySettings, { DREMIO_URL: 'http://d', ...env });
      assert.equal(problems.length, 1);
      return problems[0] ?? '';
    };
    for (const entry of ['*', '*.example', 'http://x', 'x/y', 'a b', 'x:port', ':80', ',', 'x,*'])
      assert.match(
        problemOf({ ALLOWED_HOSTS: entry }),
        /^ALLOWED_HOSTS is ".*"; expected hosts with or without a port, such as .*, separated by commas$/,
      );
    const origins = [
      '*',
      'null',
      'app.example',
      'https://app.example/',
      'ftp://x',
      'https://',
      ',',
    ];
    for (const entry of origins)
      assert.match(
        problemOf({ ALLOWED_ORIGINS: entry }),
        /^ALLOWED_ORIGINS is ".*"; expected origins such as .*, separated by commas$/,
      );
  });
});

describe('settings', () => {
  const read = (env: Record<string, string>) =>
    readSettings(proxySettings, { DREMIO_URL: 'http://d', ...env });
  it('have documented defaults and refuse modes that need more than Dremio', () => {
    assert.equal(read({}).serverMode, 'FOR_DATA_PATTERNS');
    assert.equal(read({}).allowDml, false);
    assert.equal(
      read({ SERVER_MODE: 'FOR_SELF,FOR_DATA_PATTERNS' }).serverMode,
      'FOR_SELF,FOR_DATA_PATTERNS',
    );
    for (const mode of ['FOR_PROMETHEUS', 'FOR_SELF,', 'for_self', '1'])
      assert.throws(
        () => read({ SERVER_MODE: mode }),
        /SERVER_MODE is .*expected FOR_DATA_PATTERNS/,
      );
    assert.throws(() => read({ POLLING_INTERVAL: '0' }), /from 0.05 to 60 \(seconds\)/);
  });
});
