import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSecrets } from '../../images/proxy/src/era/session-secrets.ts';

const [ONE, OTHER] = ['a'.repeat(32), 'b'.repeat(32)];

describe('the file of session secrets', () => {
  it('holds the current secret, and the one before or after it on a second line', () => {
    for (const end of ['', '\n', '\r\n']) {
      assert.deepEqual(parseSecrets(`${ONE}${end}`, 'f'), [ONE]);
      assert.deepEqual(parseSecrets(`${ONE}\n${OTHER}${end}`, 'f'), [ONE, OTHER]);
    }
    assert.deepEqual(parseSecrets(`${ONE}\r\n${OTHER}\r\n`, 'f'), [ONE, OTHER]);
  });

  it('is refused with all that is wrong, the lines named and no secret told', () => {
    const table: [text: string, ...reasons: RegExp[]][] = [
      ['', /is empty/],
      [' \n\n', /is empty/],
      ['short', /^file f has less than 32 characters$/],
      [`${ONE}\nshort`, /^file f has less than 32 characters on line 2$/],
      [`${ONE}\n\n`, /less than 32 characters on line 2/],
      [`${ONE}\n${ONE}`, /has the same secret twice/],
      [`${ONE}\n${OTHER}\n${'c'.repeat(32)}`, /has 3 lines; expected/],
      [` ${ONE}`, /white space around the secret$/],
      [`x\nx\nx `, /has 3 lines/, /on line 1/, /on line 2/, /white space .* line 3/, /twice/],
    ];
    for (const [text, ...reasons] of table)
      for (const reason of reasons)
        assert.throws(
          () => parseSecrets(text, 'f'),
          (error: Error) => reason.test(error.message) && !error.message.includes('aaa'),
          JSON.stringify(text),
        );
  });
});
