import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Admission, type Entered } from '../../images/proxy/src/limits/admission.ts';
import { FairQueue } from '../../images/proxy/src/limits/fair-queue.ts';
import { type Limits, Places, type Visitor } from '../../images/proxy/src/limits/places.ts';

const WIDE: Limits = { inFlight: 100, perKey: 100, perSession: 100, queue: 100 };
const visitor = (text: string): Visitor => {
  const [principal = '', session = principal] = text.split('/');
  return { principal, session };
};

describe('the queue', () => {
  it('gives each key its turn, and each key its requests in order', () => {
    const table: [string, string][] = [
      ['a1', 'a1'],
      ['a1 a2 a3', 'a1 a2 a3'],
      ['a1 a2 a3 b1', 'a1 b1 a2 a3'],
      ['a1 a2 a3 b1 c1 b2', 'a1 b1 c1 a2 b2 a3'],
    ];
    for (const [pushed, taken] of table) {
      const queue = new FairQueue<string>();
      for (const item of pushed.split(' ')) queue.push(item.slice(0, 1), item);
      assert.equal(Array.from({ length: queue.length }, () => queue.shift()).join(' '), taken);
      assert.deepEqual([queue.length, queue.shift()], [0, undefined]);
    }
  });

  it('lets no key wait for more than one turn of each other key', () => {
    const arrivals = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 60 });
    fc.assert(
      fc.property(arrivals, fc.constantFrom('a', 'b', 'c'), (keys, mine) => {
        const queue = new FairQueue<string>();
        for (const key of keys) queue.push(key, key);
        queue.push(mine, mine);
        const own = keys.filter((key) => key === mine).length;
        // My first goes before the second of anyone else, however many of theirs came first.
        const order = Array.from({ length: queue.length }, () => queue.shift());
        const before = order.slice(0, order.indexOf(mine));
        assert.equal(new Set(before).size, before.length);
        assert.equal(order.filter((key) => key === mine).length, own + 1);
      }),
    );
  });
});

describe('places at the server', () => {
  const play = (limits: Partial<Limits>, ...arrivals: string[]) => {
    const places = new Places<Visitor>({ ...WIDE, ...limits });
    return arrivals.map((text) => {
      const decision = places.arrive(visitor(text));
      return typeof decision === 'string' ? decision : `${decision.limit} ${decision.value}`;
    });
  };

  it('are given while there are some, then there is a queue, then refusals by name of the limit', () => {
    const table: [Partial<Limits>, string[], string][] = [
      [{ inFlight: 2 }, ['a', 'a', 'a'], 'run, run, wait'],
      [{ inFlight: 1, queue: 1 }, ['a', 'b', 'c'], 'run, wait, queue 1'],
      [{ inFlight: 1, queue: 0 }, ['a', 'b'], 'run, queue 0'],
      [{ perKey: 2 }, ['a/1', 'a/2', 'a/3', 'b/4'], 'run, run, key 2, run'],
      [{ perSession: 1 }, ['a/1', 'a/1', 'a/2', 'b/3'], 'run, session 1, run, run'],
      // What waits counts for its key too, so that one key cannot fill the queue.
      [{ inFlight: 1, perKey: 2, queue: 9 }, ['a', 'a', 'a', 'b'], 'run, wait, key 2, wait'],
      [{ inFlight: 1, perKey: 2, queue: 1 }, ['a', 'a', 'a'], 'run, wait, key 2'],
    ];
    for (const [limits, arrivals, expected] of table)
      assert.equal(play(limits, ...arrivals).join(', '), expected);
  });

  it('take the limit of the key itself before the common one', () => {
    const places = new Places<Visitor>({ ...WIDE, perKey: 1 });
    const wide = { ...visitor('a'), keyLimit: 2 };
    assert.deepEqual([places.arrive(wide), places.arrive({ ...wide })], ['run', 'run']);
    assert.deepEqual(places.arrive({ ...wide }), { limit: 'key', value: 2 });
  });

  it('are never more than the limit, and all free and forgotten in the end', () => {
    const step = fc.tuple(fc.constantFrom('a/1', 'a/2', 'b/3', 'c/4'), fc.nat(2), fc.nat(9));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const limits = { inFlight: 3, perKey: 4, perSession: 3, queue: 4 };
        const places = new Places<Visitor>(limits);
        const running: Visitor[] = [];
        const waiting: Visitor[] = [];
        const leave = (one: Visitor | undefined) => {
          if (!one) return;
          running.splice(running.indexOf(one), 1);
          const next = places.leave(one);
          if (next) running.push(...waiting.splice(waiting.indexOf(next), 1));
        };
        for (const [who, action, at] of steps) {
          if (action === 0) leave(running[at % (running.length || 1)]);
          else if (action === 1) {
            const one = waiting[at % (waiting.length || 1)];
            if (one)
              assert.ok(places.withdraw(...(waiting.splice(waiting.indexOf(one), 1) as [Visitor])));
          } else {
            const one = visitor(who);
            const decision = places.arrive(one);
            if (decision === 'run') running.push(one);
            if (decision === 'wait') waiting.push(one);
          }
          assert.deepEqual([places.running, places.waiting], [running.length, waiting.length]);
          assert.ok(running.length <= 3 && waiting.length <= 4);
          assert.ok(
            waiting.length === 0 || running.length === 3,
            'nobody waits beside a free place',
          );
          for (const count of places.byKey.values()) assert.ok(count <= 4);
        }
        while (running.length > 0) leave(running[0]);
        assert.deepEqual([places.running, places.waiting, places.byKey.size], [0, 0, 0]);
      }),
    );
  });
});

describe('callers that come once', () => {
  it('are forgotten: what is kept of them has an end', () => {
    const places = new Places<Visitor>({ inFlight: 3, perKey: 3, perSession: 3, queue: 3 });
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 200_000; i++) {
      const one = { principal: `key ${i}`, session: `session ${i} ${'x'.repeat(200)}` };
      assert.equal(places.arrive(one), 'run');
      places.leave(one);
    }
    assert.equal(places.byKey.size, 0);
    assert.ok(process.memoryUsage().heapUsed - before < 32 * 1024 * 1024);
  });
});

describe('the wait for a place', () => {
  /** A clock whose sleeps end when the test says so. */
  const handClock = () => {
    const sleepers: { ms: number; wake(): void }[] = [];
    const sleep = (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        sleepers.push({ ms, wake: resolve });
        signal?.addEventListener('abort', () => resolve());
      });
    return { sleepers, clock: { now: () => 0, sleep } };
  };
  const open = (limits: Partial<Limits> = {}) => {
    const { sleepers, clock } = handClock();
    const admission = new Admission({ ...WIDE, inFlight: 1, ...limits, queueWaitMs: 5_000, clock });
    const enter = (who: string, signal = new AbortController().signal) =>
      admission.enter(visitor(who), signal);
    const first = enter('a') as Extract<Entered, { state: 'in' }>;
    return { admission, sleepers, enter, first };
  };

  it('ends with the place of whoever leaves, in turns, and its time counts', async () => {
    const { enter, first, admission } = open();
    const order: string[] = [];
    const all = ['a', 'a', 'b'].map(async (who, i) => {
      const entered = await enter(who);
      assert.equal(entered.state, 'in');
      assert.ok(entered.waitedMs > 0);
      order.push(`${who}${i}`);
      if (entered.state === 'in') entered.leave();
    });
    assert.equal(admission.waiting, 3);
    first.leave();
    first.leave();
    await Promise.all(all);
    assert.deepEqual(order, ['a0', 'b2', 'a1']);
    assert.equal(admission.byKey.size, 0);
  });

  it('ends with a refusal at its deadline, and the place goes to the next', async () => {
    const { enter, first, sleepers, admission } = open();
    const late = enter('a');
    const patient = enter('b');
    assert.deepEqual(
      sleepers.map(({ ms }) => ms),
      [5_000, 5_000],
    );
    sleepers[0]?.wake();
    const refused = await late;
    assert.ok(refused.state === 'refused' && refused.waitedMs > 0);
    assert.deepEqual(refused.refusal, { limit: 'queue_wait', value: 5_000 });
    assert.equal(admission.waiting, 1);
    first.leave();
    assert.equal((await patient).state, 'in');
    assert.deepEqual([...admission.byKey], [['b', 1]]);
  });

  it('ends when the request is given up, before or while it waits', async () => {
    const { enter, admission } = open();
    const giveUp = new AbortController();
    const waiting = enter('a', giveUp.signal);
    giveUp.abort();
    assert.equal((await waiting).state, 'aborted');
    assert.equal((await enter('a', giveUp.signal)).state, 'aborted');
    assert.deepEqual([admission.waiting, ...admission.byKey], [0, ['a', 1]]);
  });
});
