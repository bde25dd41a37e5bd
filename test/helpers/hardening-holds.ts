/** The hardening table as tests: promises S1 and S2, and of S9 what running containers show. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isExcepted, type PlatformName } from '../../infra/rules/exceptions.ts';
import type { Seen } from './hardening-look.ts';
import { type Check, checks, isFiller } from './hardening-table.ts';

const titleOf = ({ cis, says, ofSupply = false }: Check) =>
  ['S1', cis === undefined ? [] : 'S2', ofSupply ? 'S9' : [], cis ?? [], says].flat().join(' ');

const isAsked = (check: Check, seen: Seen) =>
  (check.ofFillers || !isFiller(seen)) && !isExcepted(check.id, seen.platform, seen.component);

/** One test for each line of the table, over all containers of a stack, whose names it has in its message. */
export function holdsFor(platform: PlatformName, all: () => readonly Seen[]): void {
  for (const check of checks)
    it(`${titleOf(check)} (${platform})`, (test) => {
      const asked = all().filter((seen) => isAsked(check, seen));
      if (asked.length === 0)
        test.skip('an exception for every container: infra/rules/exceptions.ts');
      assert.deepEqual(
        asked.flatMap((seen) =>
          check.problems(seen).map((problem) => `${seen.component}: ${problem}`),
        ),
        [],
      );
    });
}
