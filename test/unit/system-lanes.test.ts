import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { repository } from '../helpers/lakehouse-command.ts';

it('npm run test:system runs every file of test/system, and each once', () => {
  const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const found = (pattern: string) => globSync(pattern, { cwd: repository });
  const lanes = [...(scripts['test:system'] ?? '').matchAll(/"(test\/[^"]+)"/g)];
  const run = lanes.flatMap(([, pattern = '']) => found(pattern));
  const all = found('test/system/**/*.test.ts');
  assert.ok(all.length > 0);
  assert.deepEqual(run.sort(), all.sort());
});
