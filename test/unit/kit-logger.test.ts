import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createLogger, errorText, type LogLevel } from '../../images/kit/src/logger.ts';
import { Scrubber } from '../../images/kit/src/scrubber.ts';

function capture(level: LogLevel = 'info') {
  const texts: string[] = [];
  const log = createLogger({
    service: 'test',
    level,
    destination: { write: (t) => texts.push(t) },
  });
  return {
    log,
    texts,
    lines: () => texts.map((text) => JSON.parse(text) as Record<string, unknown>),
  };
}

describe('the logger', () => {
  it('writes one JSON object a line with time, level, service, event and fields', () => {
    const { log, texts, lines } = capture();
    log.warn('disk_full', { path: '/x\n', left: 0 });
    assert.match(texts[0] ?? '', /^\{[^\n]*\}\n$/);
    const { time, ...rest } = lines()[0] ?? {};
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(rest, {
      level: 'warn',
      service: 'test',
      event: 'disk_full',
      path: '/x\n',
      left: 0,
    });
  });

  it('leaves out what is below its level, audit lines never', () => {
    const { log, lines } = capture('error');
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    log.audit('e');
    assert.deepEqual(
      lines().map(({ event }) => event),
      ['d', 'e'],
    );
  });

  it('numbers audit lines without gaps, across children and levels', () => {
    const { log, lines } = capture('warn');
    const child = log.child({ session: 's' });
    log.audit('a');
    child.audit('b', { more: 1 });
    child.info('not written');
    log.audit('c');
    assert.deepEqual(
      lines().map(({ audit, seq, session }) => [audit, seq, session]),
      [
        [true, 1, undefined],
        [true, 2, 's'],
        [true, 3, undefined],
      ],
    );
  });

  it('names the run of an audit line, so that numbers are unique across restarts', () => {
    const [first, second] = [capture(), capture()];
    for (const { log } of [first, second]) {
      log.audit('a');
      log.child({ session: 's' }).audit('b');
      log.info('c');
    }
    const runs = [...first.lines(), ...second.lines()].map(({ run }) => run);
    assert.match(String(runs[0]), /^[0-9a-f]{16}$/);
    assert.notEqual(runs[0], runs[3]);
    assert.deepEqual(runs, [runs[0], runs[0], undefined, runs[3], runs[3], undefined]);
  });

  it('writes an error in words with its causes and without its stack', () => {
    const { log, texts, lines } = capture();
    log.error('x', { error: new Error('outer', { cause: new Error('inner') }) });
    assert.equal(lines()[0]?.error, 'outer: inner');
    assert.ok(!texts.join().includes('.test.ts'));
  });

  it('names an error without a message by its code', () => {
    assert.equal(errorText(Object.assign(new Error(''), { code: 'ECONNREFUSED' })), 'ECONNREFUSED');
    assert.equal(errorText('text'), 'text');
  });

  it('replaces a protected secret wherever and in whatever form it appears, in children too', () => {
    const { log, texts } = capture();
    const child = log.child({ a: 1 });
    const secret = 'p"ss/wörd+1\\&';
    log.protect(secret);
    child.info('x', {
      plain: `before ${secret} after`,
      [secret]: 'as a key',
      url: `http://h/?p=${encodeURIComponent(secret)}`,
      basic: Buffer.from(secret).toString('base64'),
      base64url: Buffer.from(secret).toString('base64url'),
      nested: { deep: [new Error(secret).message] },
      error: new Error(`failed with ${secret}`),
    });
    assert.equal(texts.length, 1);
    JSON.parse(texts[0] ?? '');
    assert.equal((texts[0]?.match(/\[redacted\]/g) ?? []).length, 7);
    assert.ok(!texts[0]?.includes('ss/w'));
  });

  it('stops replacing a secret once it is let go', () => {
    const { log, texts } = capture();
    const release = log.protect('old-token-1');
    log.info('old-token-1');
    release();
    log.info('old-token-1');
    assert.deepEqual(
      texts.map((text) => text.includes('old-token-1')),
      [false, true],
    );
  });
});

describe('the scrubber', () => {
  it('leaves nothing of a secret that begins like another', () => {
    const scrubber = new Scrubber();
    scrubber.add('lakehouse');
    scrubber.add('lakehouse-and-more');
    assert.equal(scrubber.scrub('a lakehouse-and-more b'), 'a [redacted] b');
  });

  it('goes on replacing a secret that was added twice and let go once', () => {
    const scrubber = new Scrubber();
    const release = scrubber.add('secret-value');
    scrubber.add('secret-value');
    release();
    release();
    assert.equal(scrubber.scrub('secret-value'), '[redacted]');
  });

  it('lets words shorter than 8 characters stand, which would blank out ordinary text', () => {
    const scrubber = new Scrubber();
    scrubber.add('info');
    assert.equal(scrubber.scrub('level info'), 'level info');
  });

  it('removes any secret from any JSON line that holds it', () => {
    const secret = fc.string({ minLength: 8, unit: 'grapheme' });
    fc.assert(
      fc.property(secret, fc.string(), (value, around) => {
        const scrubber = new Scrubber();
        scrubber.add(value);
        const line = scrubber.scrub(JSON.stringify({ text: `${around}${value}${around}` }));
        assert.ok(line.includes('[redacted]'));
        JSON.parse(line);
      }),
    );
  });
});
