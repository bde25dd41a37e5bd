import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildLog } from '../../local/resources/build-log.ts';
import { decodeTrace } from '../../local/resources/buildkit-trace.ts';
import { buildOptions } from '../../local/resources/image-build.ts';

// A minimal protobuf writer: every field length-delimited, as the read ones are.
function field(number: number, value: string | Buffer): Buffer {
  const body = Buffer.from(value);
  assert.ok(body.length < 16384);
  const size = body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...size]), body]);
}
const someNumber = Buffer.from([4 << 3, 0x96, 0x01]);

interface Step {
  id: string;
  name: string;
  error?: string;
  completed?: boolean;
}
function trace(steps: Step[], logs: [step: string, text: string][] = []) {
  const vertex = ({ id, name, error, completed }: Step) =>
    Buffer.concat([
      field(1, id),
      field(3, name),
      someNumber,
      field(5, ''),
      ...(completed ? [field(6, '')] : []),
      ...(error ? [field(7, error)] : []),
    ]);
  const log = ([step, text]: [string, string]) => Buffer.concat([field(1, step), field(4, text)]);
  const bytes = Buffer.concat([
    ...steps.map((step) => field(1, vertex(step))),
    ...logs.map((entry) => field(3, log(entry))),
  ]);
  return { id: 'moby.buildkit.trace', aux: bytes.toString('base64') };
}

test('each step of the Dockerfile is told once, when it starts', () => {
  const told: string[] = [];
  const log = new BuildLog((message) => told.push(message));
  const run = { id: 'a', name: '[2/3] RUN npm   ci' };
  log.read(trace([{ id: 'i', name: '[internal] load build definition' }, run]));
  log.read(trace([run]));
  log.read(trace([{ id: 'b', name: '[3/3] COPY . .', completed: true }]));
  log.read({ stream: 'Step 1/2 : FROM scratch\n' });
  assert.deepEqual(told, ['[2/3] RUN npm ci', 'Step 1/2 : FROM scratch']);
});

test('a failed build shows what its failed step wrote, and not what others did', () => {
  const log = new BuildLog(() => {});
  log.read(
    trace(
      [],
      [
        ['a', 'npm error: no lock file\n'],
        ['b', 'fine so far\n'],
      ],
    ),
  );
  log.read(trace([], [['a', 'give up\n']]));
  log.read(trace([{ id: 'a', name: '[1/2] RUN a', error: 'exit code: 1' }]));
  log.read(trace([{ id: 'b', name: '[1/2] RUN b', error: 'exit code: 137: context canceled' }]));
  assert.equal(log.error, undefined);
  log.read({ error: 'failed to solve' });
  assert.equal(log.error, 'failed to solve');
  assert.equal(log.failedOutput(), 'npm error: no lock file\ngive up');
});

test('long output is shown with its head and its end', () => {
  const log = new BuildLog(() => {});
  const lines = Array.from({ length: 500 }, (_, at) => `line ${at}`);
  log.read({ stream: lines.join('\n') });
  const shown = log.failedOutput().split('\n');
  assert.equal(shown.length, 41);
  assert.equal(shown[0], 'line 0');
  assert.equal(shown.at(-1), 'line 499');
});

test('bytes that are not a trace are an error, not an endless loop', () => {
  assert.throws(() => decodeTrace(Buffer.from([0xff])), RangeError);
  assert.throws(() => decodeTrace(Buffer.from([0x0a, 0x05, 0x01])), RangeError);
});

test('BuildKit builds unless the program asks for the old builder by name', () => {
  assert.equal(buildOptions('t', {}, 'Dockerfile').version, '2');
  assert.equal(buildOptions('t', { builderVersion: 'BuilderBuildKit' }, 'd').version, '2');
  assert.equal(buildOptions('t', { builderVersion: 'BuilderV1' }, 'd').version, '1');
});
