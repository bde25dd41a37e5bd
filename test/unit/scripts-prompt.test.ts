import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { values } from '../../scripts/terminal/prompt.ts';

const KEY = '-----BEGIN PRIVATE KEY-----\nMIIEvQ\nAgEAAo\n-----END PRIVATE KEY-----';
const piped = (text: string) => Readable.from([text.slice(0, 7), text.slice(7)]);

describe('secrets that are piped in', () => {
  it('are one for each line, in the order of their names', async () => {
    assert.deepEqual(await values(piped('first\nsecond\r\n'), 2), ['first', 'second']);
    assert.deepEqual(await values(piped('without an end'), 1), ['without an end']);
  });

  it('are whole when they are PEM text of several lines', async () => {
    assert.deepEqual(await values(piped(`${KEY}\n`), 1), [KEY]);
    assert.deepEqual(await values(piped(`word\n${KEY.replaceAll('\n', '\r\n')}\nlast\n`), 3), [
      'word',
      KEY,
      'last',
    ]);
  });

  it('are whole when the parameters of a key stand before it', async () => {
    const parameters = KEY.replaceAll('PRIVATE KEY', 'EC PARAMETERS');
    const both = `${parameters}\n${KEY.replaceAll('PRIVATE', 'EC PRIVATE')}`;
    assert.deepEqual(await values(piped(`${both}\nword\n`), 2), [both, 'word']);
  });

  it('are taken as soon as they are there, from a stream that stays open', async () => {
    const open = new Readable({ read() {} });
    open.push(`${KEY}\nword\n`);
    assert.deepEqual(await values(open, 2), [KEY, 'word']);
  });

  it('may be too few', async () => {
    assert.deepEqual(await values(piped('only\n'), 2), ['only']);
    assert.deepEqual(await values(Readable.from([]), 1), ['']);
  });
});
