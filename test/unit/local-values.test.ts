/** Small translations: durations, hosts, passwords. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDockerHost } from '../../local/docker-host.ts';
import { parseGoDuration } from '../../local/duration.ts';
import { generatePassword, randomPassword } from '../../local/resources/random.ts';

const durations: [string, number | undefined][] = [
  ['10s', 10_000],
  ['1m30s', 90_000],
  ['1.5s', 1500],
  ['500ms', 500],
  ['2h', 7_200_000],
  ['0', 0],
  ['0s', 0],
  ['10', undefined],
  ['s', undefined],
  ['-1s', undefined],
  ['', undefined],
];
for (const [text, milliseconds] of durations) {
  test(`the duration "${text}" is ${milliseconds ?? 'refused'}`, () => {
    assert.equal(parseGoDuration(text), milliseconds);
  });
}

test('docker:host names a socket or a TCP address', () => {
  assert.deepEqual(parseDockerHost('unix:///var/run/docker.sock'), {
    socketPath: '/var/run/docker.sock',
  });
  const tcp = { protocol: 'http', host: '127.0.0.1', port: 2375 };
  assert.deepEqual(parseDockerHost('tcp://127.0.0.1:2375'), tcp);
  assert.deepEqual(parseDockerHost('tcp://[::1]:2375'), { ...tcp, host: '::1' });
});

test('a docker:host that the runner does not speak is refused, with the way out', () => {
  for (const host of ['ssh://me@host', 'https://host:2376', 'npipe:////./pipe/docker', 'host']) {
    assert.throws(() => parseDockerHost(host), /docker:host is ".*npx pulumi up/, host);
  }
  assert.throws(() => parseDockerHost('ssh://me@host'), /does not speak SSH/);
});

test('a password has the length, the letters and the minimums that were asked for', () => {
  const inputs = fc.record({
    length: fc.integer({ min: 12, max: 64 }),
    special: fc.boolean(),
    upper: fc.boolean(),
    minNumeric: fc.nat(4),
    minLower: fc.nat(4),
  });
  fc.assert(
    fc.property(inputs, (wanted) => {
      const password = generatePassword(wanted);
      const count = (letters: RegExp) => password.match(letters)?.length ?? 0;
      assert.equal(password.length, wanted.length);
      assert.ok(count(/[0-9]/g) >= wanted.minNumeric);
      assert.ok(count(/[a-z]/g) >= wanted.minLower);
      if (!wanted.special) assert.match(password, /^[A-Za-z0-9]*$/);
      if (!wanted.upper) assert.doesNotMatch(password, /[A-Z]/);
    }),
  );
});

test('no two passwords are the same, and their letters are spread evenly', () => {
  const passwords = Array.from({ length: 50 }, () => generatePassword({ length: 48 }));
  assert.equal(new Set(passwords).size, 50);
  const digits = generatePassword({ length: 20_000, lower: false, upper: false, special: false });
  for (const digit of '0123456789') {
    const share = digits.split(digit).length - 1;
    assert.ok(share > 1600 && share < 2400, `${digit}: ${share} of 20000`);
  }
});

test('a password that cannot be made is refused with the reason', () => {
  const none = { lower: false, upper: false, numeric: false, special: false };
  assert.match(randomPassword.check?.({ length: 8, ...none })?.join() ?? '', /must be true/);
  assert.match(randomPassword.check?.({ length: 2, minLower: 3 })?.join() ?? '', /at least 3/);
  assert.match(randomPassword.check?.({ length: 0 })?.join() ?? '', /at least 1/);
  assert.deepEqual(randomPassword.check?.({ length: 8, special: false }), []);
});
