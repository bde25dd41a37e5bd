import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { differences, toolsAdvice, toolsTrouble } from '../../scripts/tools/compare.ts';
import { readToolsLock, TOOLS_LOCK } from '../../scripts/tools/lock.ts';
import { offeredIn } from '../../scripts/tools/offered.ts';
import { repository } from '../helpers/lakehouse-command.ts';

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

describe('the tools of the official MCP server', () => {
  it('S11: are compared with the pinned ones by name and digest', () => {
    const pinned = new Map([
      ['Same', digest('1')],
      ['Other', digest('2')],
      ['Elsewhere', digest('3')],
    ]);
    const offered = new Map([
      ['Other', digest('4')],
      ['Same', digest('1')],
      ['constructor\u001b[31m', digest('5')],
    ]);
    assert.deepEqual(differences(pinned, pinned), []);
    assert.deepEqual(differences(pinned, offered), [
      'Other is defined in another way',
      'constructor�[31m is new',
    ]);
  });

  it('S11: are told of in words when they differ, with the command that pins them', () => {
    const found = {
      digests: [digest('1')],
      differences: ['Other is defined in another way', 'X is new'],
    };
    assert.match(
      toolsTrouble(found) ?? '',
      /are not those in \S+: Other is defined in another way, X is new$/,
    );
    assert.equal(toolsTrouble({ ...found, differences: [] }), undefined);
    assert.match(toolsAdvice('prod').join('\n'), /npm run pin -- --stack prod --tools$/);
  });

  it('are read from what a proxy says, and from nothing else', () => {
    const tools = { RunSqlQuery: digest('1') };
    assert.deepEqual(offeredIn(JSON.stringify({ tools_digest: digest('2'), tools })), {
      digest: digest('2'),
      tools: new Map(Object.entries(tools)),
    });
    for (const body of [
      '',
      'operations port 9090: connect ECONNREFUSED',
      'null',
      '{"status":"not_found"}',
      '{"tools_digest":null,"tools":{}}',
      `{"tools_digest":"${digest('2')}","tools":null}`,
    ])
      assert.equal(offeredIn(body), undefined, body);
  });

  it('S11: are pinned in the repository, each by a digest', async () => {
    const pinned = await readToolsLock(join(repository, TOOLS_LOCK));
    assert.ok(pinned.has('RunSqlQuery'));
  });

  it('have a lock that is refused with a way out when it was broken by hand, and may be missing', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'lakehouse-tools-'));
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, 'tools.lock.json');
    assert.equal((await readToolsLock(path)).size, 0);
    for (const text of ['', '[]', 'null', '{"a":"sha256:1"}', '{"a":1}']) {
      await writeFile(path, text);
      await assert.rejects(
        readToolsLock(path),
        /is not an object of tools with their digests/,
        text,
      );
    }
  });
});
