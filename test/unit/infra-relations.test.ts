import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { relationProblems } from '../../infra/config/relations.ts';

type Given = Parameters<typeof relationProblems>[0];

describe('config keys that do not go together', () => {
  const fine: Given[] = [
    {},
    { childSharing: 'session', childMaxCalls: 0, childMaxAge: 0, childMaxMemory: 0 },
    { childSharing: 'call', childMaxCalls: 100, childMaxAge: 60, childMaxMemory: 400 },
    { mcpKey: 'k'.repeat(32) },
    { mcpKeys: { laptop: 'k'.repeat(32) } },
    { tokenLogoutAfter: 0, callTimeout: 3600 },
    { tokenLogoutAfter: 600, callTimeout: 600 },
  ];
  for (const raw of fine)
    it(`are not found in ${JSON.stringify(raw)}`, () =>
      assert.deepEqual(relationProblems(raw), []));

  const wrong: [Given, RegExp][] = [
    [
      { childSharing: 'session', childMaxCalls: 9 },
      /"childMaxCalls" is 9; .*--unset childMaxCalls/,
    ],
    [{ childSharing: 'session', childMaxAge: 60 }, /"childMaxAge" is 60; .*--unset childMaxAge/],
    [{ childSharing: 'session', childMaxMemory: 400 }, /"childMaxMemory" is 400; .*--unset/],
    [
      { mcpKey: 'k'.repeat(32), mcpKeys: { laptop: 'n'.repeat(32) } },
      /"mcpKey" and "mcpKeys" are set; .*--unset mcpKey, or npm run up -- --unset mcpKeys/,
    ],
    [{ tokenLogoutAfter: 599, callTimeout: 600 }, /--set tokenLogoutAfter=600/],
  ];
  for (const [raw, said] of wrong)
    it(`are named with the way out: ${Object.keys(raw).join(' and ')}`, () => {
      const [problem = '', ...more] = relationProblems(raw);
      assert.match(problem, said);
      assert.deepEqual(more, []);
      assert.doesNotMatch(problem, /k{32}|n{32}/, 'it shows a key');
    });
});
