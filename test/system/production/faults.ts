import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Callers, inWords } from '../../helpers/callers.ts';
import { seededRandom } from '../../helpers/seeded-random.ts';
import { docker, eventually } from '../../helpers/stack.ts';
import {
  COMPONENTS,
  type Component,
  call,
  forceUpdate,
  type ProductionScene,
  query,
  type Scene,
  taskIds,
  tasks,
  whole,
} from './scene.ts';

/** From a fault, or its end, to the last call that fails. */
const RECOVERY_MS = 15_000;
/** Until a client that comes anew has an answer. */
const WORKS_MS = 60_000;
/** Beyond the longest stop grace, s. */
const STOP_SECONDS = 60;
/** An answer that tells why it is none, while Dremio refuses connections. */
const ANSWERED_MS = 10_000;

export interface FaultPlan {
  /** Faults, one after the other. */
  readonly rounds: number;
  /** How many of the kinds of faults below are among them. */
  readonly kinds: number;
  readonly awayMs: number;
  readonly seed: number;
}

interface Fault {
  readonly what: string;
  readonly component: Component;
  /** Resolves when the container that it is about has ended. */
  strike(scene: ProductionScene, container: string): Promise<void>;
}

const killed = (component: Component): Fault => ({
  what: `${component} killed`,
  component,
  strike: (_, container) => docker.getContainer(container).kill(),
});

const stopped = (component: Component): Fault => ({
  what: `${component} stopped`,
  component,
  strike: (_, container) => docker.getContainer(container).stop({ t: STOP_SECONDS }),
});

const updated = (component: Component): Fault => ({
  what: `${component} restarted by a forced update`,
  component,
  strike: async (scene, container) => {
    await forceUpdate(scene, component);
    await eventually('the old one has ended', () => hasEnded(container));
  },
});

async function hasEnded(container: string): Promise<boolean> {
  try {
    return !(await docker.getContainer(container).inspect()).State.Running;
  } catch {
    return true;
  }
}

/** The first five are the ones that a short run has. */
const FAULTS: readonly Fault[] = [
  killed('proxy'),
  killed('refresher'),
  killed('edge'),
  updated('edge'),
  stopped('proxy'),
  stopped('refresher'),
  stopped('edge'),
];

function* inRandomOrder(faults: readonly Fault[], random: () => number): Generator<Fault> {
  for (;;) {
    const left = [...faults];
    while (left.length > 0) yield* left.splice(Math.floor(random() * left.length), 1);
  }
}

export const faults = (scene: Scene, { rounds, kinds, awayMs, seed }: FaultPlan) =>
  describe('what goes wrong and passes, while 16 clients call', () => {
    let callers: Callers;
    before(async () => {
      callers = await call(scene(), seed);
      await callers.served(0, WORKS_MS);
    });
    after(() => callers?.stop());

    it(`S6: ${rounds} containers killed or restarted in random order (seed ${seed}): a call works within 60 s, and only calls of 15 s fail`, async (t) => {
      const random = seededRandom(seed);
      const key = await scene().stack.key();
      const order = inRandomOrder(FAULTS.slice(0, kinds), random).take(rounds);
      const struck: { what: string; since: number }[] = [];
      for (const { what, component, strike } of order) {
        // One of two proxies is killed, never both: two faults at once are another matter.
        await whole(scene(), component);
        const all = await tasks(scene(), component);
        const victim = all[Math.floor(random() * all.length)];
        assert(victim !== undefined);
        struck.push({ what, since: Date.now() });
        await strike(scene(), victim.Status.ContainerStatus.ContainerID);
        const works = async () => (await query(scene(), 'SELECT 1 AS n', key)).length === 1;
        await eventually(`a call works after ${what}`, works, WORKS_MS);
        await callers.served(Date.now(), WORKS_MS);
      }
      for (const component of COMPONENTS) await whole(scene(), component);
      await callers.served(Date.now(), WORKS_MS);

      const late = struck.flatMap(({ what, since }, round) => {
        const { calls, failed, recoveryMs } = callers.noticed(since, struck[round + 1]?.since);
        t.diagnostic(
          `${what}: ${failed.length} of ${calls} calls failed, the last after ${recoveryMs} ms`,
        );
        return recoveryMs > RECOVERY_MS ? [what, ...inWords(failed, since)] : [];
      });
      assert.deepEqual(late, []);
    });

    it(`Dremio away for ${awayMs / 1000} s: calls are answered with why, no task is restarted, and all are served 15 s after`, async (t) => {
      const { dremio } = scene().stack;
      const old = await taskIds(scene());
      const since = Date.now();
      await dremio.stop();
      // The worst that a restart of it can do to a client.
      dremio.demo.tokens.expireAll();
      await sleep(awayMs);
      const back = Date.now();
      await dremio.recover();
      await callers.served(back, RECOVERY_MS);
      await callers.served(Date.now(), RECOVERY_MS);

      const during = callers.noticed(since, back);
      const { failed, recoveryMs } = callers.noticed(back);
      t.diagnostic(
        `${during.failed.length} calls failed meanwhile; ${failed.length} after, the last after ${recoveryMs} ms`,
      );
      assert.ok(during.failed.length > 0);
      const unclear = during.failed.filter(
        ({ seen, wrong, start, end }) =>
          seen.kind !== 'result' ||
          end - start > ANSWERED_MS ||
          !/Dremio at \S+ does not answer/.test(wrong ?? ''),
      );
      assert.deepEqual(inWords(unclear, since), []);
      assert.ok(recoveryMs <= RECOVERY_MS, inWords(failed, back).join('\n'));
      assert.deepEqual(await taskIds(scene()), old, 'the tasks of before');
    });
  });
