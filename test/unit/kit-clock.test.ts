import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_TIMER_MS, systemClock } from '../../images/kit/src/clock.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

describe('the system clock', () => {
  it('wakes a sleeper when its signal aborts, and does not reject', async () => {
    const stop = new AbortController();
    const sleeping = systemClock.sleep(60_000, stop.signal);
    stop.abort();
    await sleeping;
    await systemClock.sleep(60_000, stop.signal);
  });

  it('sleeps on when asked for more than a timer can take, which Node would turn into 1 ms', async () => {
    const stop = new AbortController();
    let awake = false;
    const sleeping = systemClock.sleep(MAX_TIMER_MS * 10, stop.signal).then(() => {
      awake = true;
    });
    await systemClock.sleep(20);
    assert.equal(awake, false);
    stop.abort();
    await sleeping;
  });

  it('treats a negative pause as none', () => systemClock.sleep(-5));
});

describe('the manual clock', () => {
  it('wakes sleepers in the order of their times and lets them sleep again', async () => {
    const clock = new ManualClock(0);
    const woken: string[] = [];
    const sleeper = async (name: string, ms: number) => {
      for (;;) {
        await clock.sleep(ms);
        woken.push(`${name}${clock.now()}`);
      }
    };
    void sleeper('a', 20);
    void sleeper('b', 30);
    await clock.advance(60);
    assert.deepEqual(woken, ['a20', 'b30', 'a40', 'b60', 'a60']);
    assert.equal(clock.now(), 60);
  });

  it('wakes nobody when it is only set, and those whose time has come at the next advance', async () => {
    const clock = new ManualClock(0);
    let awake = false;
    void clock.sleep(10).then(() => {
      awake = true;
    });
    clock.jump(1000);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([clock.now(), awake], [1000, false]);
    await clock.advance(0);
    assert.deepEqual([clock.now(), awake], [1000, true]);
  });
});
