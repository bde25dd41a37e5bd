import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Roster } from '../../images/kit/src/roster.ts';

describe('a roster', () => {
  it('holds what a Set would, in the order of coming', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('come', 'go'), fc.nat(20)), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (all) => {
        const [roster, set] = [new Roster<number>(), new Set<number>()];
        for (const [step, member] of all) {
          if (step === 'go') assert.equal(roster.delete(member), set.delete(member));
          else if (!set.has(member)) {
            roster.add(member);
            set.add(member);
          }
          assert.deepEqual([...roster], [...set]);
          assert.equal(roster.size, set.size);
          assert.equal(roster.newest, [...set].at(-1));
        }
      }),
    );
  });

  it('may change while it is gone through', () => {
    const roster = new Roster<string>();
    for (const name of ['a', 'b', 'c']) roster.add(name);
    const seen: string[] = [];
    for (const name of roster) {
      seen.push(name);
      roster.delete(name);
    }
    assert.deepEqual(seen, ['a', 'b', 'c']);
    assert.equal(roster.size, 0);
  });
});
