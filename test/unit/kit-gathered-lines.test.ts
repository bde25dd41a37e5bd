import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { GatheredLines } from '../../images/kit/src/gathered-lines.ts';

describe('gathered lines', () => {
  it('go out in their order, those of one turn of the event loop in one write', async () => {
    const writes: string[] = [];
    const lines = new GatheredLines({ write: (text) => writes.push(text) });
    lines.write('one\n');
    await Promise.resolve();
    lines.write('two\n');
    assert.deepEqual(writes, []);
    await setImmediate();
    lines.write('three\n');
    await setImmediate();
    assert.deepEqual(writes, ['one\ntwo\n', 'three\n']);
  });

  it('are all on a pipe when the process exits in the same turn', () => {
    const module = new URL('../../images/kit/src/gathered-lines.ts', import.meta.url);
    const script = `
      const { GatheredLines } = await import('${module}');
      const lines = new GatheredLines(process.stdout);
      for (let i = 0; i < 500; i++) lines.write('line ' + i + '\\n');
      process.exit(3);`;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', script],
      { encoding: 'utf8' },
    );
    assert.equal(stderr, '');
    assert.equal(status, 3);
    const lines = stdout.trimEnd().split('\n');
    assert.deepEqual([lines.length, lines.at(-1)], [500, 'line 499']);
  });
});
