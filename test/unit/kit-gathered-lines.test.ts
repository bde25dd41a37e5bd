import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it, mock } from 'node:test';
import { GatheredLines } from '../../images/kit/src/gathered-lines.ts';

describe('gathered lines', () => {
  it('go out in their order, those of ten milliseconds in one write', (t) => {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.after(() => mock.timers.reset());
    const writes: string[] = [];
    const lines = new GatheredLines({ write: (text) => writes.push(text) });
    lines.write('one\n');
    mock.timers.tick(9);
    lines.write('two\n');
    assert.deepEqual(writes, []);
    mock.timers.tick(1);
    lines.write('three\n');
    mock.timers.tick(10);
    assert.deepEqual(writes, ['one\ntwo\n', 'three\n']);
  });

  it('go out before their time when they fill a pipe', () => {
    const writes: string[] = [];
    const lines = new GatheredLines({ write: (text) => writes.push(text) });
    const line = `${'x'.repeat(1023)}\n`;
    for (let i = 0; i < 64; i++) lines.write(line);
    assert.deepEqual(writes, [line.repeat(64)]);
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
