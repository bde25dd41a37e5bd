/** The refresher's container held, hung and stopped: what it owes when it goes on, meanwhile, and at its end. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RefresherContainer } from '../helpers/refresher-container.ts';
import {
  makeRefresherKit,
  type RefresherKit,
  skipWithoutBaseImage,
} from '../helpers/refresher-kit.ts';
import {
  playScene,
  readyFloor,
  type Scene,
  SLACK_MS,
  TICK_MS,
  untilTime,
} from '../helpers/refresher-scene.ts';
import { eventually } from '../helpers/stack.ts';
import type { TroubledDremio } from '../helpers/troubled-dremio.ts';

/** Such tokens are renewed after 16 s. */
const LIFE_MS = 20_000;
/** How long a login waits for its answer, ms. */
const LOGIN_MS = 30_000;
/** A stop may take this long, ms. */
const STOP_MS = 2_000;
const FLOOR_MS = readyFloor(LIFE_MS);
/** Around the moment at which readiness changes, an answer may be from before or after it, ms. */
const BLUR_MS = 250;

interface Stop {
  readonly when: string;
  /** Done before the start. */
  readonly prepare?: (scene: Scene) => unknown;
  /** Resolves when it is time to stop. */
  readonly moment: (refresher: RefresherContainer, scene: Scene) => Promise<unknown>;
}

const aConnectionWaits = ({ dremio }: Scene) =>
  eventually('a connection waits', async () => dremio.waiting > 0);

const STOPS: readonly Stop[] = [
  { when: 'as soon as it says something', moment: ({ log }) => log.until('starting') },
  {
    when: 'while its first login hangs',
    prepare: ({ dremio }) => dremio.freeze(),
    moment: (_, scene) => aConnectionWaits(scene),
  },
  {
    when: 'between two tries to reach Dremio',
    prepare: ({ dremio }) => dremio.stop(),
    moment: ({ log }) => log.until('login_failed'),
  },
  { when: 'as soon as it has a token', moment: ({ log }) => log.until('login_succeeded') },
  {
    when: 'while it asks whether the token works',
    moment: async ({ log }, scene) => {
      await log.until('token_written');
      scene.dremio.freeze();
      await aConnectionWaits(scene);
    },
  },
  {
    when: 'while the token file cannot be written',
    moment: async ({ log }, { toolbox }) => {
      await log.until('token_written');
      await (await toolbox()).run('cat /dev/zero > /token/filler || true');
      await log.until('token_write_failed');
    },
  },
  {
    when: 'while it has nothing to do',
    moment: ({ ask }) =>
      eventually('it is ready', async () => (await ask('readyz')).status === 200),
  },
];

describe('the refresher’s container', { skip: skipWithoutBaseImage, concurrency: 20 }, () => {
  let kit: RefresherKit;
  before(async () => {
    kit = await makeRefresherKit();
  });
  after(async () => {
    await kit?.remove();
  });
  const scene = (play: (scene: Scene) => Promise<void>) =>
    playScene({ kit, lifeMs: LIFE_MS }, play);

  for (const [what, beforeEndMs] of [
    ['past the time of the renewal', 2_000],
    ['past the end of the token', -3_000],
  ] as const)
    it(`R10: paused ${what}, replaces the token within a tick after it goes on`, () =>
      scene(async ({ dremio, start }) => {
        const { container, log, token } = await start();
        const { expires_at: expires } = await log.until('token_written');
        await container.pause();
        await untilTime(Date.parse(String(expires)) - beforeEndMs);
        assert.equal(dremio.logins.length, 1);
        const resumedAt = Date.now();
        await container.unpause();
        const written = await log.until('token_written', {
          match: ({ time }) => Date.parse(time) >= resumedAt,
        });
        const took = Date.parse(written.time) - resumedAt;
        assert.ok(took <= TICK_MS + SLACK_MS, `${took} ms`);
        assert.equal(dremio.logins.length, 2, 'one login makes up for the pause');
        assert.equal(dremio.demo.tokens.check(await token()).state, 'valid');
      }));

  it('R13: is ready exactly while the token is good, and live all through a login that hangs for 30 s', (context) =>
    scene(async ({ dremio, start }) => {
      const refresher = await start();
      const { log } = refresher;
      await log.until('token_written');
      const samples: Sample[] = [];
      const done = new AbortController();
      const watching = watch(refresher, samples, done.signal);
      watching.catch(() => done.abort());
      dremio.freeze();
      // A check of the token that hangs holds the login up for another 5 s.
      const failed = await log.until('login_failed', { timeoutMs: 2 * (LIFE_MS + LOGIN_MS) });
      const attempt = log.lines.findLast(
        ({ event, time }) => event === 'login_attempt' && time < failed.time,
      );
      const hung = Date.parse(failed.time) - Date.parse(attempt?.time ?? '');
      assert.ok(hung >= LOGIN_MS - 100, `the login hung for ${hung} ms`);
      await dremio.recover();
      await eventually('it is ready again', async () => samples.at(-1)?.ready);
      done.abort();
      await watching;

      assert.ok(
        samples.every(({ live }) => live),
        'it was live all the time',
      );
      const wrong = samples.filter((sample) => !isTrue(sample, dremio));
      assert.deepEqual(wrong, []);
      assert.ok(samples.some(({ ready }) => !ready) && samples[0]?.ready, 'it was both');
      const times = samples.flatMap(({ ms }) => ms).sort((a, b) => a - b);
      const at = (share: number) => times[Math.floor(times.length * share)]?.toFixed(1);
      context.diagnostic(
        `${times.length} answers of /readyz and /livez: median ${at(0.5)} ms, 95 % ${at(0.95)} ms, worst ${times.at(-1)?.toFixed(1)} ms`,
      );
    }));

  for (const stop of STOPS)
    it(`R12: stopped ${stop.when}, ends with 0 within 2 s`, () =>
      scene(async (set) => {
        const toolbox = await set.toolbox();
        await stop.prepare?.(set);
        const refresher = await set.start();
        await stop.moment(refresher, set);
        const { container } = refresher;
        const stoppedAt = Date.now();
        await container.stop({ t: 10 });
        const { State } = await container.inspect();
        assert.equal(State.ExitCode, 0);
        const took = Date.parse(State.FinishedAt) - stoppedAt;
        assert.ok(took <= STOP_MS, `${took} ms`);
        const files = (await toolbox.run('ls -A /token')).split(/\s+/);
        assert.deepEqual(
          files.filter((name) => name.endsWith('.tmp')),
          [],
          'no half file is left',
        );
      }));
});

/** What the operations port said, between two moments in epoch ms. */
interface Sample {
  readonly from: number;
  readonly to: number;
  readonly ready: boolean;
  readonly live: boolean;
  /** How long the answers took. */
  readonly ms: readonly number[];
}

async function watch(
  { ask }: RefresherContainer,
  samples: Sample[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const from = Date.now();
    const [ready, live] = [await ask('readyz'), await ask('livez')];
    samples.push({
      from,
      to: Date.now(),
      ready: ready.status === 200,
      live: live.status === 200,
      ms: [ready.ms, live.ms],
    });
    await untilTime(from + 200);
  }
}

/** Whether readiness had to be, or could be, what a sample says; the last login tells which token is in the file. */
function isTrue({ from, to, ready }: Sample, { logins }: TroubledDremio): boolean {
  const { at } = logins.findLast((login) => login.at <= to) ?? { at: 0 };
  const written = from > at + SLACK_MS;
  const goodUntil = at + LIFE_MS - FLOOR_MS;
  if (written && to < goodUntil - BLUR_MS) return ready;
  return from > goodUntil + BLUR_MS ? !ready : true;
}
