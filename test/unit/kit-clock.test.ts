import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Clock, MAX_TIMER_MS, systemClock } from '../../images/kit/src/clock.ts';
import { SteppedClock, stampFiles } from '../helpers/stepped-clock.ts';

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

describe('the stepped clock', () => {
  /** Works for one turn of real I/O at each wake-up, then sleeps again. */
  const worker = async (clock: Clock, ms: number, work: () => void) => {
    for (;;) {
      await clock.sleep(ms);
      await stat('/');
      work();
    }
  };

  it('moves to the earliest wake-up once everyone is asleep, however long their work takes', async () => {
    const clock = new SteppedClock(0);
    const woken: string[] = [];
    const noted = (name: string) => () => woken.push(`${name}${clock.now()}`);
    void worker(clock.participant(), 20, noted('a'));
    void worker(clock.participant(), 30, noted('b'));
    await clock.advance(70);
    assert.deepEqual(woken.slice(0, 3), ['a20', 'b30', 'a40']);
    assert.deepEqual(woken.slice(3).sort(), ['a60', 'b60']);
    assert.equal(clock.now(), 70);
  });

  it('stands still while someone is at work', async () => {
    const clock = new SteppedClock(0);
    const participant = clock.participant();
    let finish = () => {};
    const work = new Promise<void>((resolve) => {
      finish = resolve;
    });
    void participant.sleep(10).then(async () => {
      await work;
      await participant.sleep(1000);
    });
    const passing = clock.advance(100);
    for (let turn = 0; turn < 20; turn++) await stat('/');
    assert.equal(clock.now(), 10);
    finish();
    await passing;
    assert.equal(clock.now(), 100);
  });

  it('waits for a sleeper that was woken before its time, and for nobody who left', async () => {
    const clock = new SteppedClock(0);
    const participant = clock.participant();
    clock.participant('another').leave();
    const hint = new AbortController();
    let wokenAt: number | undefined;
    void participant.sleep(100, hint.signal).then(async () => {
      await stat('/');
      wokenAt = participant.now();
      await participant.sleep(1000);
    });
    await clock.advance(40);
    hint.abort();
    await clock.settled();
    assert.equal(wokenAt, 40);
  });

  it('lets one wall clock jump, and every machine sleep, without anyone waking for that', async () => {
    const clock = new SteppedClock(0);
    const [jumping, steady] = [clock.participant(), clock.participant()];
    const woken: number[][] = [];
    void worker(jumping, 50, () => woken.push([clock.now(), jumping.now()]));
    void worker(steady, 1000, () => {});
    jumping.jump(-500);
    await clock.advance(60);
    clock.suspend(1000);
    await clock.advance(60);
    assert.deepEqual(woken, [
      [50, -450],
      [1100, 600],
    ]);
    assert.deepEqual([clock.monotonic(), steady.now()], [120, 1120]);
  });

  it('tells of each stretch of time before it passes, and dates files by it', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'stepped-clock-'));
    t.after(() => rm(folder, { recursive: true }));
    const clock = new SteppedClock(Date.parse('2040-01-01T00:00:00Z'));
    const begin = clock.now();
    const stretches: number[][] = [];
    clock.beforeMove((from, to) => stretches.push([from - begin, to - begin]));
    stampFiles(clock, folder);
    const path = join(folder, 'file');
    const participant = clock.participant();
    void worker(participant, 20, () => writeFileSync(path, 'x'));
    await clock.advance(30);
    assert.deepEqual(stretches, [
      [0, 20],
      [20, 30],
    ]);
    assert.equal((await stat(path)).mtimeMs, begin + 20);
  });
});
