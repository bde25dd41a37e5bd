import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { showEvents } from '../../scripts/terminal/deployment-events.ts';
import { formatDuration } from '../../scripts/terminal/duration.ts';
import { jsonDisplay } from '../../scripts/terminal/json.ts';
import { liveDisplay } from '../../scripts/terminal/live.ts';
import { plainDisplay } from '../../scripts/terminal/plain.ts';
import { displayWidth, printable, tableLines } from '../../scripts/terminal/table.ts';
import { chooseForm, type Display } from '../../scripts/terminal/tasks.ts';

function recorder(properties: object = {}) {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  return { stream: Object.assign(stream, properties), text: () => text };
}

const URN = 'urn:pulumi:dev::p::docker:index/image:Image::proxy';

/** What a small deployment tells. */
function deploy(display: Display) {
  const task = display.task('Deployment');
  const show = showEvents(display);
  const image = { urn: URN, type: 'docker:index/image:Image', name: 'proxy' };
  show({ kind: 'start', ...image, operation: 'create' });
  show({ kind: 'progress', urn: URN, message: 'Step 3/9' });
  show({ kind: 'done', urn: URN, operation: 'create', durationMs: 5 });
  show({ kind: 'start', urn: 'u2', type: 'lakehouse:index:Thing', name: 't', operation: 'create' });
  show({ kind: 'done', urn: 'u2', operation: 'create', durationMs: 5 });
  show({
    kind: 'start',
    urn: 'u3',
    type: 'docker:index/volume:Volume',
    name: 'token',
    operation: 'same',
  });
  show({ kind: 'done', urn: 'u3', operation: 'same', durationMs: 5 });
  task.done('1 created');
  display.close();
}

describe('progress', () => {
  it('is redrawn on a terminal, plain elsewhere, JSON when asked', () => {
    assert.equal(chooseForm({ json: false }, { isTTY: true }, { TERM: 'xterm' }), 'live');
    assert.equal(chooseForm({ json: false }, { isTTY: true }, { TERM: 'dumb' }), 'plain');
    assert.equal(chooseForm({ json: false }, {}, { TERM: 'xterm' }), 'plain');
    assert.equal(chooseForm({ json: true }, { isTTY: true }, {}), 'json');
  });

  it('is one line for each resource that people know, in plain form', () => {
    const { stream, text } = recorder();
    deploy(plainDisplay(stream, () => 0));
    assert.equal(
      text(),
      '  ok   image proxy: created (0.0 s)\n  same volume token: unchanged (0.0 s)\nok   Deployment: 1 created (0.0 s)\n',
    );
  });

  it('is every event as one JSON object a line, and nothing else', () => {
    const { stream, text } = recorder();
    deploy(jsonDisplay(stream, () => new Date(0)));
    const events = text()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['step', 'start', 'progress', 'done', 'start', 'done', 'start', 'done', 'step'],
    );
    assert.deepEqual(events.at(-1), {
      time: '1970-01-01T00:00:00.000Z',
      kind: 'step',
      step: 'Deployment',
      status: 'done',
      message: '1 created',
      durationMs: 0,
    });
  });

  it('leaves the finished lines on a terminal, hides what did not change, and gives the cursor back', () => {
    const { stream, text } = recorder({ columns: 60, rows: 10, isTTY: true });
    deploy(liveDisplay(stream as unknown as NodeJS.WriteStream, () => 0));
    const screen = render(text());
    assert.deepEqual(screen, [
      '    ✓ image proxy                     0.0 s  created',
      '  ✓ Deployment                        0.0 s  1 created',
    ]);
    assert.ok(text().endsWith(`${ESC}[?25h`));
  });

  it('never draws a line wider than the terminal', () => {
    const { stream, text } = recorder({ columns: 50, rows: 10 });
    const display = liveDisplay(stream as unknown as NodeJS.WriteStream, () => 0);
    const task = display.task('Deployment');
    task.progress('x'.repeat(300));
    display.task('Other').done('y'.repeat(300));
    task.failed('界'.repeat(100));
    display.close();
    for (const line of render(text())) assert.ok(displayWidth(line) < 50, line);
  });
});

const ESC = String.fromCharCode(27);

/** What stands on a screen after text with "up n lines" and "clear to the end" in it. */
function render(text: string): string[] {
  const lines: string[] = [];
  for (const part of text.split(new RegExp(`(?=${ESC}\\[\\d+A)`))) {
    const up = /^.\[(\d+)A/.exec(part)?.[1];
    if (up !== undefined) lines.splice(lines.length - Number(up));
    lines.push(...stripVTControlCharacters(part).split('\n').slice(0, -1));
  }
  return lines;
}

describe('tables', () => {
  it('align columns, numbers to the right, with nothing behind the last one', () => {
    const lines = tableLines(
      ['name', 'n', 'x'],
      [
        ['a', '10', ''],
        ['bcd', '9', 'y'],
      ],
      {
        right: new Set([1]),
        rule: true,
      },
    );
    assert.deepEqual(lines, ['name   n  x', '────  ──  ─', 'a     10', 'bcd    9  y']);
  });

  it('count East Asian characters as two columns and combining ones as none', () => {
    assert.equal(displayWidth('界'), 2);
    assert.equal(displayWidth('e\u0301'), 1);
    const [, first, second] = tableLines(
      ['a', 'b'],
      [
        ['界', '1'],
        ['xy', '2'],
      ],
    );
    assert.equal(displayWidth(first ?? ''), displayWidth(second ?? ''));
  });

  it('show data without letting it steer the terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (data) => {
        for (const character of printable(data)) {
          const code = character.codePointAt(0) ?? 0;
          const control = code < 0x20 || (code >= 0x7f && code < 0xa0);
          const direction =
            (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
          if (control || direction) assert.fail(`U+${code.toString(16)} is left`);
        }
      }),
    );
    assert.equal(printable(`a${ESC}[31mb\nc`), 'a�[31mb⏎c');
  });

  it('shorten cells that are too long', () => {
    assert.deepEqual(tableLines(['a'], [['0123456789']], { widest: 5 }), ['a', '0123…']);
  });
});

describe('durations', () => {
  for (const [milliseconds, text] of [
    [80, '0.1 s'],
    [9_940, '9.9 s'],
    [9_960, '10 s'],
    [59_600, '1 min'],
    [185_000, '3 min 5 s'],
    [7_800_000, '2 h 10 min'],
    [107_900_000, '1 d 5 h'],
  ] as const)
    it(`of ${milliseconds} ms read ${text}`, () => {
      assert.equal(formatDuration(milliseconds), text);
    });
});
