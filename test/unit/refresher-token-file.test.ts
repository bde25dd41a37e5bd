import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  formatTokenFile,
  MAX_TOKEN_FILE_BYTES,
  parseTokenFile,
} from '../../images/kit/src/token-file.ts';
import { corruptFiles, isTokenFile, leakIn } from '../fixtures/refresher/corrupt-files.ts';

describe('a token file that is none', () => {
  const refuse = (files: number) => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(corruptFiles, ({ kind, bytes, canary }) => {
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
        const result = parseTokenFile(bytes.toString('utf8'));
        // The parser is not asked about files of this size.
        if (bytes.length > MAX_TOKEN_FILE_BYTES) return;
        assert.notEqual(result.state, 'valid');
        if (result.state !== 'valid') assert.equal(leakIn(result.reason, canary), undefined);
      }),
      { numRuns: files },
    );
    return seen;
  };

  it('R9: is refused by the parser in each of 10,000 forms, without a word of what it holds', () => {
    for (const [kind, files] of refuse(10_000)) assert.ok(files > 100, `${kind}: only ${files}`);
  });

  it('is told apart by the tests as the parser tells it: what a writer makes is one', () => {
    const end = fc.integer({ min: 0, max: Date.parse('9999-12-31T23:59:59.999Z') });
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9\-._~+/]{1,40}={0,2}$/),
        end,
        (token, expiresAt) => {
          assert.ok(isTokenFile(Buffer.from(formatTokenFile({ token, expiresAt }))));
        },
      ),
    );
  });
});
