import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { generate } from 'selfsigned';
import { readCertificates } from '../../images/kit/src/certificates.ts';
import { NamedFileError } from '../../images/kit/src/named-file.ts';
import { readSecretFile } from '../../images/kit/src/secret-file.ts';
import {
  formatTokenFile,
  MAX_TOKEN_FILE_BYTES,
  parseTokenFile,
  readTokenFile,
} from '../../images/kit/src/token-file.ts';
import { fileVersion, watchFile } from '../../images/kit/src/watch-file.ts';
import { SteppedClock } from '../helpers/stepped-clock.ts';

const END = '2026-03-02T06:00:00Z';
const state = (value: unknown) => parseTokenFile(JSON.stringify(value)).state;

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kit-files-'));
});
after(() => rm(folder, { recursive: true, force: true }));
let files = 0;
const fileOf = async (content: string | Buffer) => {
  const path = join(folder, `file-${files++}`);
  await writeFile(path, content);
  return path;
};

describe('the text of a token file', () => {
  it('with exactly the two fields gives token and end', () => {
    assert.deepEqual(parseTokenFile(`{"token":"abc0","expires_at":"${END}"}`), {
      state: 'valid',
      token: 'abc0',
      expiresAt: Date.parse(END),
    });
  });

  it('comes back as it was written, to the millisecond', () => {
    const token = fc.stringMatching(/^[A-Za-z0-9\-._~+/]{1,200}={0,2}$/);
    const end = fc.integer({ min: 0, max: Date.parse('9999-12-31T23:59:59.999Z') });
    fc.assert(
      fc.property(token, end, (text, expiresAt) => {
        const written = formatTokenFile({ token: text, expiresAt });
        assert.deepEqual(parseTokenFile(written), { state: 'valid', token: text, expiresAt });
      }),
    );
  });

  const malformed: [string, unknown][] = [
    ['a number', 7],
    ['null', null],
    ['a list', [{ token: 'abc', expires_at: END }]],
    ['no token', { expires_at: END }],
    ['no end', { token: 'abc' }],
    ['one field more', { token: 'abc', expires_at: END, user: 'x' }],
    ['an empty token', { token: '', expires_at: END }],
    ['a token with a line break', { token: 'abc\r\nX-Evil: 1', expires_at: END }],
    ['a token with a space', { token: 'a b', expires_at: END }],
    ['an end with an offset', { token: 'abc', expires_at: '2026-03-02T06:00:00+00:00' }],
    ['an end as a number', { token: 'abc', expires_at: 1 }],
    ['an end that is no date', { token: 'abc', expires_at: '2026-13-45T99:00:00Z' }],
  ];
  for (const [name, value] of malformed)
    it(`with ${name} is malformed`, () => assert.equal(state(value), 'malformed'));

  it('that is empty or blank is told apart from one that is torn', () => {
    assert.equal(parseTokenFile(' \n').state, 'empty');
    assert.equal(parseTokenFile('{"token":"abc"').state, 'malformed');
  });

  it('of any kind never throws and never has its content quoted', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 12 }), (noise) => {
        const result = parseTokenFile(`{"token":"${noise}`);
        assert.ok(result.state !== 'valid' && !result.reason.includes(noise));
      }),
    );
  });
});

describe('a token file', () => {
  const good = `{"token":"abc","expires_at":"${END}"}`;
  const stateOf = async (path: string) => (await readTokenFile(path)).state;

  it('is missing, empty, malformed or valid', async () => {
    assert.equal(await stateOf(join(folder, 'nowhere')), 'missing');
    assert.equal(await stateOf(await fileOf('')), 'empty');
    assert.equal(await stateOf(await fileOf('{')), 'malformed');
    assert.equal(await stateOf(await fileOf(good)), 'valid');
  });

  it('is unreadable as a folder, a link, a FIFO or 10 MB, without blocking', async () => {
    const sub = join(folder, 'sub');
    const link = join(folder, 'link');
    const fifo = join(folder, 'fifo');
    await mkdir(sub);
    await symlink(await fileOf(good), link);
    execFileSync('mkfifo', [fifo]);
    const large = await fileOf(Buffer.alloc(10_000_000, ' '));
    for (const path of [sub, link, fifo, large, `${await fileOf('x')}/token.json`])
      assert.equal(await stateOf(path), 'unreadable', path);
  });

  it('may be as large as the limit and no larger', async () => {
    const fill = (size: number) => good + ' '.repeat(size - good.length);
    assert.equal(await stateOf(await fileOf(fill(MAX_TOKEN_FILE_BYTES))), 'valid');
    assert.equal(await stateOf(await fileOf(fill(MAX_TOKEN_FILE_BYTES + 1))), 'unreadable');
  });
});

describe('a secret file', () => {
  it('gives its content without one line break at the end', async () => {
    for (const text of ['p w ', 'p w \n', 'p w \r\n'])
      assert.equal(await readSecretFile(await fileOf(text)), 'p w ');
  });

  it('that cannot be used is named with the reason and never quoted', async () => {
    const fifo = join(folder, 'secret-fifo');
    execFileSync('mkfifo', [fifo]);
    const cases: [string, RegExp][] = [
      [join(folder, 'nowhere'), /does not exist$/],
      [`${await fileOf('x')}/password`, /a part of its path is not a folder$/],
      [folder, /is a folder$/],
      [fifo, /is not a regular file$/],
      [await fileOf(''), /is empty$/],
      [await fileOf(' \n'), /is empty$/],
      [await fileOf('first-line\nsecond-line\n'), /has more than one line$/],
      [await fileOf('first-line'.repeat(10_000)), /has 100000 bytes; at most 65536 are read$/],
    ];
    for (const [path, reason] of cases)
      await assert.rejects(readSecretFile(path), (error: unknown) => {
        assert.ok(error instanceof NamedFileError);
        assert.match(error.message, reason);
        assert.ok(error.message.startsWith(`file ${path} `));
        assert.ok(error.remedy.endsWith('.') && !error.remedy.includes('first-line'));
        return true;
      });
  });
});

describe('a file with certificates', () => {
  let one: string;
  before(async () => {
    one = (await generate([{ name: 'commonName', value: 'authority.test' }])).cert.trim();
  });

  it('gives each of them, without the text around', async () => {
    const path = await fileOf(`# the first\r\n${one}\nthe second\n${one}\n`);
    assert.equal(await readCertificates(path), `${one}\n${one}`);
  });

  it('that holds none or a damaged one is named with the reason', async () => {
    const key = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n';
    const damaged = one.replace(/\n.{8}/, '\nAAAAAAAA');
    const cases: [string, RegExp][] = [
      [join(folder, 'nowhere'), /does not exist$/],
      [await fileOf(key), /holds no certificate as PEM text/],
      [await fileOf(Buffer.from([0x30, 0x82, 0x03])), /holds no certificate as PEM text/],
      [await fileOf(`${one}\n${damaged}`), /is damaged in certificate 2 of 2$/],
    ];
    for (const [path, reason] of cases)
      await assert.rejects(readCertificates(path), (error: unknown) => {
        assert.ok(error instanceof NamedFileError);
        assert.match(error.message, reason);
        return true;
      });
  });
});

describe('the watch over a file', () => {
  it('has a change read again until that succeeds, and tells once for each content that it did not', async () => {
    const path = await fileOf('first');
    const clock = new SteppedClock();
    const participant = clock.participant();
    const ending = new AbortController();
    let inTheWay = 0;
    let [reads, complaints] = [0, 0];
    const watching = watchFile({
      path,
      version: await fileVersion(path),
      clock: participant,
      signal: ending.signal,
      reload: async () => {
        reads++;
        if (inTheWay-- > 0) throw new Error('no descriptor is free');
      },
      onUnusable: () => complaints++,
    });
    await clock.advance(2_000);
    assert.deepEqual([reads, complaints], [0, 0], 'nothing changed');
    inTheWay = 3;
    await writeFile(path, 'the second');
    await clock.advance(2_000);
    assert.deepEqual([reads, complaints], [4, 1]);
    inTheWay = 1;
    await rm(path);
    await clock.advance(2_000);
    assert.deepEqual([reads, complaints], [6, 2]);
    participant.leave();
    ending.abort();
    await watching;
  });
});
