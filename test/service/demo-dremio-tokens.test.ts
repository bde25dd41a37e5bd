import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { start } from '../../images/demo-dremio/src/index.ts';
import { inspectFiles } from '../../images/demo-dremio/src/inspect.ts';

describe('a demo Dremio that keeps its tokens', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'demo-dremio-tokens-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('knows them after a restart: which are valid, until when, and which were ended', async () => {
    const tokensFile = join(folder, 'tokens.json');
    let now = 1_000;
    const options = { tokensFile, tokenLifeMs: 60_000, now: () => now };
    const [valid, ended] = await (async () => {
      await using first = await start(options);
      const issued = [first.tokens.issue('demo').token, first.tokens.issue('demo').token] as const;
      first.tokens.revoke(issued[1]);
      return issued;
    })();
    const text = await readFile(tokensFile, 'utf8');
    assert.ok(!text.includes(valid) && !text.includes(ended), 'digests alone are in the file');

    await using second = await start(options);
    const states = () => [valid, ended, 'another'].map((token) => second.tokens.check(token).state);
    assert.deepEqual(states(), ['valid', 'revoked', 'unknown']);
    const answer = await fetch(`${second.url}/apiv2/login`, {
      headers: { authorization: `Bearer ${valid}` },
    });
    assert.equal(answer.status, 200);
    now += 60_000;
    assert.deepEqual(states(), ['expired', 'revoked', 'unknown']);
  });

  it('forgets them with the file', async () => {
    const tokensFile = join(folder, 'removed.json');
    const token = await (async () => {
      await using first = await start({ tokensFile });
      return first.tokens.issue('demo').token;
    })();
    await rm(tokensFile);
    await using second = await start({ tokensFile });
    assert.equal(second.tokens.check(token).state, 'unknown');
  });

  it('refuses to start with a file that it did not write, or cannot write', async () => {
    const foreign = join(folder, 'foreign.json');
    await writeFile(foreign, '[{"digest":1}]');
    for (const [tokensFile, reason] of [
      [foreign, /which has something else in it/],
      [join(foreign, 'tokens.json'), /which cannot exist, since a part of its path/],
      [join(folder, 'missing', 'tokens.json'), /which user \d+:\d+ cannot write \(ENOENT\)/],
    ] as const) {
      const problems = await inspectFiles({ firstUser: false, tokensFile });
      assert.equal(problems.length, 1, tokensFile);
      assert.match(problems[0] ?? '', reason);
      assert.match(problems[0] ?? '', /^TOKENS_FILE is \//);
      await assert.rejects(start({ tokensFile }), { name: 'NamedFileError' });
    }
    assert.equal(await readFile(foreign, 'utf8'), '[{"digest":1}]', 'it was left as it was');
  });
});
