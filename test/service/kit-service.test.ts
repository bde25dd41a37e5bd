import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { compileCache } from '../helpers/compile-cache.ts';

const FIXTURE = new URL('../fixtures/kit/service.ts', import.meta.url).pathname;

type Line = { event: string; level: string } & Record<string, unknown>;

/** Runs the fixture; `onEvent` sees each line as it comes and may send signals. */
async function run(
  environment: Record<string, string>,
  onEvent: (line: Line, kill: (signal: NodeJS.Signals) => void) => void = () => {},
) {
  const child = spawn(process.execPath, [FIXTURE], {
    env: { PATH: process.env.PATH ?? '', ...compileCache, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 10_000,
    killSignal: 'SIGKILL',
  });
  const lines: Line[] = [];
  let output = '';
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const complete = (rest + text).split('\n');
    rest = complete.pop() ?? '';
    for (const json of complete) {
      const line = JSON.parse(json) as Line;
      lines.push(line);
      onEvent(line, (signal) => child.kill(signal));
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code, signal] = await once(child, 'close');
  assert.ok(!output.includes('    at '), `no stack trace:\n${output}`);
  return { code: code ?? signal, lines, events: lines.map(({ event }) => event) };
}

describe('a service', { concurrency: 2 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`works until ${signal}, stops in order and ends with 0`, async () => {
      const { code, events } = await run({}, ({ event }, kill) => {
        if (event === 'working') kill(signal);
      });
      assert.equal(code, 0);
      assert.deepEqual(events, ['starting', 'working', 'stopping', 'stopped']);
    });

  it('ends at once on a second signal when stopping takes long', async () => {
    const { code, events } = await run({ ON_STOP: 'hang' }, ({ event }, kill) => {
      if (event === 'working' || event === 'stopping') kill('SIGTERM');
    });
    assert.equal(code, 0);
    assert.deepEqual(events, ['starting', 'working', 'stopping']);
  });

  it('ends with 0 on SIGTERM while it is still starting', async () => {
    const { code, events } = await run({ ON_START: 'hang' }, ({ event }, kill) => {
      if (event === 'starting') kill('SIGTERM');
    });
    assert.equal(code, 0);
    assert.deepEqual(events, ['starting', 'stopping', 'stopped']);
  });

  it('finishes its look at files on SIGTERM, and then ends with 0 without a start', async () => {
    const environment = { ON_START: 'look-long', FILES: 'no key' };
    const { code, events } = await run(environment, ({ event }, kill) => {
      if (event === 'starting') kill('SIGTERM');
    });
    assert.equal(code, 0);
    assert.deepEqual(events, ['starting', 'stopping', 'looked', 'stopped']);
  });

  const problemsOf = (lines: Line[]) =>
    lines
      .filter(({ event, level }) => event === 'setting_wrong' && level === 'error')
      .map(({ problem }) => String(problem));

  it('ends with 78 and a line for every wrong setting and file in one run, before it starts anything', async () => {
    const { code, lines, events } = await run({
      ON_START: 'dance',
      LOG_LEVEL: 'loud',
      FILES: 'no key,no door',
    });
    assert.equal(code, 78);
    const [level, onStart, ...files] = problemsOf(lines);
    assert.match(level ?? '', /^LOG_LEVEL is "loud"; expected one of debug/);
    assert.match(onStart ?? '', /^ON_START is "dance"; expected one of work/);
    assert.deepEqual(files, ['no key', 'no door']);
    assert.deepEqual(events, ['starting', ...Array(4).fill('setting_wrong')]);
  });

  it('ends with 69 and a line for every problem when only files are wrong, whatever the level', async () => {
    const { code, lines, events } = await run({ LOG_LEVEL: 'error', FILES: 'no key,no door' });
    assert.equal(code, 69);
    assert.deepEqual(problemsOf(lines), ['no key', 'no door']);
    assert.ok(!events.includes('working'));
  });

  it('begins and ends its audit with lines of their own, which no level leaves out', async () => {
    const { lines } = await run({ LOG_LEVEL: 'error' }, ({ event }, kill) => {
      if (event === 'starting') kill('SIGTERM');
    });
    assert.deepEqual(
      lines.map(({ event, audit, seq }) => [event, audit, seq]),
      [
        ['starting', true, 1],
        ['stopped', true, 2],
      ],
    );
    assert.equal(lines[0]?.run, lines[1]?.run);
  });

  it('ends with 69 and the reason when it cannot start', async () => {
    const { code, lines } = await run({ ON_START: 'fail' });
    assert.equal(code, 69);
    assert.deepEqual(
      [lines.at(-1)?.event, lines.at(-1)?.error],
      ['start_failed', 'no way in: door locked'],
    );
  });

  it('ends with 70 and one line in words after an unexpected error', async () => {
    for (const [onStart, text] of [
      ['throw-later', 'thrown later'],
      ['reject-later', 'rejected later'],
    ] as const) {
      const { code, lines } = await run({ ON_START: onStart });
      assert.equal(code, 70);
      assert.deepEqual([lines.at(-1)?.event, lines.at(-1)?.error], ['unexpected_error', text]);
    }
  });

  it('ends with 70 when it cannot stop in order', async () => {
    const { code, events } = await run({ ON_STOP: 'fail' }, ({ event }, kill) => {
      if (event === 'working') kill('SIGTERM');
    });
    assert.equal(code, 70);
    assert.equal(events.at(-1), 'stop_failed');
  });

  it('writes only what its level asks for, and its audit', async () => {
    const { code, events } = await run({ LOG_LEVEL: 'error', ON_START: 'fail' });
    assert.equal(code, 69);
    assert.deepEqual(events, ['starting', 'start_failed']);
  });
});
