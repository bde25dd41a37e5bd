import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  clockSkew,
  readyFloor,
  refreshMargin,
  refreshTime,
  tickPeriod,
} from '../../images/refresher/src/core/schedule.ts';
import { DAY, HOUR, MINUTE, POLICY, SECOND } from '../helpers/refresher-world.ts';

describe('the schedule', () => {
  const table = [
    { life: 30 * HOUR, margin: 6 * HOUR, tick: 5 * MINUTE, floor: 15 * MINUTE },
    { life: 60 * HOUR, margin: 6 * HOUR, tick: 5 * MINUTE, floor: 15 * MINUTE },
    { life: 1 * HOUR, margin: 12 * MINUTE, tick: 3 * MINUTE, floor: 3 * MINUTE },
    { life: 1 * MINUTE, margin: 12 * SECOND, tick: 5 * SECOND, floor: 3 * SECOND },
    { life: 3650 * DAY, margin: 6 * HOUR, tick: 5 * MINUTE, floor: 15 * MINUTE },
  ];
  for (const { life, margin, tick, floor } of table)
    it(`gives a token of ${life / 1000} s a margin of ${margin / 1000} s and a tick of ${tick / 1000} s`, () => {
      assert.equal(refreshMargin(life, POLICY), margin);
      assert.equal(tickPeriod(life, POLICY), tick);
      assert.equal(readyFloor(life, POLICY), floor);
    });

  it('looks every 5 s while there is no token', () => {
    assert.equal(tickPeriod(undefined, POLICY), 5 * SECOND);
  });

  it('follows a smaller check interval and a smaller margin', () => {
    const policy = { checkIntervalMs: 60 * SECOND, refreshMarginMs: 2 * HOUR, logoutAfterMs: 0 };
    assert.equal(tickPeriod(30 * HOUR, policy), 60 * SECOND);
    assert.equal(refreshMargin(30 * HOUR, policy), 2 * HOUR);
  });

  it('moves a renewal earlier only, by at most 5 % of the margin, whatever the life', () => {
    const life = fc.integer({ min: 11 * SECOND, max: 3650 * DAY });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(life, random, (lifeMs, chance) => {
        const latest = -refreshMargin(lifeMs, POLICY);
        const at = refreshTime(0, lifeMs, POLICY, chance);
        assert.ok(at <= latest && at >= latest * 1.05);
        assert.ok(at > -lifeMs, 'renewal lies within the life of the token');
      }),
    );
  });
});

describe('the skew to Dremio', () => {
  const date = 'Sun, 01 Mar 2026 12:00:00 GMT';
  const at = Date.parse(date);

  it('is 0 when cut-off fractions and the way of the answer explain the difference', () => {
    assert.equal(clockSkew(date, at + 100, at + 200), 0);
    assert.equal(clockSkew(date, at + 990, at + 1100), 0);
    assert.equal(clockSkew(date, at - 50, at + 20), 0);
  });

  it('is never underestimated, so that a token is not kept too long', () => {
    const hour = 3_600_000;
    assert.equal(clockSkew(date, at - hour, at - hour + 40), hour + 1000);
    assert.equal(clockSkew(date, at + hour, at + hour + 40), -hour + 1000);
  });

  it('counts as none without a readable Date header', () => {
    assert.equal(clockSkew(undefined, 0, 10), 0);
    assert.equal(clockSkew('yesterday', 0, 10), 0);
  });
});
