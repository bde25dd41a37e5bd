/**
 * The proxy under load while everything behind it changes, at full size. CALLS, ROTATIONS, REPLACEMENTS and LONGEST
 * (milliseconds) set the size of the first, CALLS, DISCONNECTS and REPLACEMENTS that of the second.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { changesUnderLoad } from '../fixtures/proxy/changes.ts';
import { wearUnderLoad } from '../fixtures/proxy/wear.ts';

const size = (name: string, usual: number) => Number(process.env[name] ?? usual);

const replacements = size('REPLACEMENTS', 100);

it('P1: 50 rotations and 50 replacements of children under 16 clients and 20,000 calls lose none', async () => {
  const seen = await changesUnderLoad({
    calls: size('CALLS', 20_000),
    rotations: size('ROTATIONS', 50),
    replacements: replacements / 2,
    longestMs: size('LONGEST', 5_000),
  });
  assert.deepEqual(seen.failures, []);
  assert.deepEqual(seen.late, [], 'requests with the old token');
  assert.deepEqual(Object.keys(seen.starts), ['first', 'recycled']);
  assert.ok((seen.starts.recycled ?? 0) >= replacements / 2, JSON.stringify(seen));
});

it('P15: 10,000 calls, 1,000 disconnects and 100 restarts leave no process and no descriptor over', async () => {
  const wear = { calls: size('CALLS', 10_000), disconnects: size('DISCONNECTS', 1_000) };
  await wearUnderLoad({ ...wear, restarts: replacements });
});
