/**
 * What can go wrong between the refresher and Dremio, in the refresher's real container: what its log, its metrics, its
 * readiness and the status command say, that the old token serves meanwhile, and how soon it recovers.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { FaultAnswer } from '../../images/demo-dremio/src/index.ts';
import { statusLines } from '../../scripts/commands/status.ts';
import { reasonsOf } from '../../scripts/stack/operations.ts';
import { runningStack } from '../../scripts/stack/platform.ts';
import { stackStatus } from '../../scripts/stack/stack-status.ts';
import { styleFor } from '../../scripts/terminal/style.ts';
import type { LogLine, RefresherContainer } from '../helpers/refresher-container.ts';
import {
  makeRefresherKit,
  type RefresherKit,
  skipWithoutBaseImage,
} from '../helpers/refresher-kit.ts';
import {
  type Scene as EmptyScene,
  playScene,
  readyFloor,
  SLACK_MS,
  TICK_MS,
} from '../helpers/refresher-scene.ts';
import { docker, eventually } from '../helpers/stack.ts';

/** Long enough for a login to fail while the token is good, short enough to see its end soon. */
const LIFE_MS = 30_000;
const RETRY_AFTER_S = 20;

interface Scene extends EmptyScene {
  readonly refresher: RefresherContainer;
}

interface Cause {
  readonly what: string;
  /** The class that log, metric, readiness and status must name, and the words. */
  readonly class: string;
  readonly words: RegExp;
  begin(scene: Scene): unknown;
  end(scene: Scene): unknown;
  /** Whether packets can be dropped on the way to Dremio. */
  readonly dropping?: boolean;
  readonly lifeMs?: number;
  /** Latest recovery after the end of the cause, ms; when left out, the next try that was announced. */
  readonly withinMs?: number;
  /** Failed tries before the cause ends; with five the pause is 12 s at least, so that a check must cut it short. */
  readonly tries?: number;
  /** Earliest next try after the first failure, ms. */
  readonly notBeforeMs?: number;
}

/** Every answer of Dremio is this one. */
const answers = (answer: FaultAnswer): Pick<Cause, 'begin' | 'end'> => ({
  begin: ({ dremio }) => dremio.demo.faults.next('/*', { ...answer, times: Infinity }),
  end: ({ dremio }) => dremio.demo.faults.clear(),
});

const CAUSES: readonly Cause[] = [
  {
    what: 'Dremio is down',
    class: 'dremio_unreachable',
    words: /cannot be reached \(ECONNREFUSED\)/,
    begin: ({ dremio }) => dremio.stop(),
    end: ({ dremio }) => dremio.recover(),
    tries: 5,
    withinMs: TICK_MS,
  },
  {
    what: 'Dremio accepts connections and never answers',
    class: 'dremio_unreachable',
    words: /gave no answer in time/,
    begin: ({ dremio }) => dremio.freeze(),
    end: ({ dremio }) => dremio.recover(),
    // A login waits 30 s for its answer.
    lifeMs: 20_000,
    withinMs: TICK_MS,
  },
  {
    what: 'packets to Dremio are dropped',
    class: 'dremio_unreachable',
    words: /gave no answer in time/,
    dropping: true,
    begin: ({ way, refresher }) => way?.drop(refresher.container),
    end: ({ way, refresher }) => way?.pass(refresher.container),
    // A connection under way when the network comes back is lost with the route it was begun on, after 10 s.
    withinMs: 10_000 + TICK_MS,
  },
  {
    what: 'Dremio resets connections',
    class: 'dremio_unreachable',
    words: /cannot be reached \((ECONNRESET|UND_ERR_SOCKET)/,
    ...answers({ connection: 'reset' }),
    tries: 5,
    withinMs: TICK_MS,
  },
  {
    what: 'Dremio has no user (403)',
    class: 'no_first_user',
    words: /no user yet \(403\)/,
    ...answers({ status: 403 }),
  },
  {
    what: 'Dremio throttles (429) and names a pause',
    class: 'dremio_throttling',
    words: /fewer requests \(429\)/,
    ...answers({ status: 429, headers: { 'retry-after': String(RETRY_AFTER_S) } }),
    lifeMs: 20_000,
    notBeforeMs: RETRY_AFTER_S * 1000,
  },
  {
    what: 'Dremio fails (500)',
    class: 'dremio_failing',
    words: /answered the login with 500/,
    ...answers({ status: 500 }),
  },
  {
    what: 'a web page answers (HTML, 200)',
    class: 'wrong_product',
    words: /a web page came back \(200, HTML\)/,
    ...answers({ html: '<!doctype html><title>Sign in</title>' }),
  },
  {
    what: 'Dremio gives a token that has expired already (200)',
    class: 'malformed_answer',
    words: /has -\d+ s to live by Dremio's own clock/,
    begin: ({ dremio }) =>
      dremio.demo.faults.next('POST /apiv2/login', {
        json: { token: 'abcdefghijklmnopqrstuvwxyz', expires: Date.now() - 60_000 },
        times: Infinity,
      }),
    end: ({ dremio }) => dremio.demo.faults.clear(),
  },
];

describe('the refresher’s container, when', {
  skip: skipWithoutBaseImage,
  // Each has a Dremio and a token of its own, and mostly waits for the token's time to come.
  concurrency: CAUSES.length,
}, () => {
  let kit: RefresherKit;
  before(async () => {
    kit = await makeRefresherKit();
  });
  after(async () => {
    await kit?.remove();
  });

  for (const cause of CAUSES)
    it(`${cause.what}: keeps the old token, says ${cause.class} everywhere, and recovers`, async (context) => {
      const { lifeMs = LIFE_MS, dropping = false } = cause;
      await playScene({ kit, lifeMs, dropping }, async (scene) => {
        await suffer(cause, { ...scene, refresher: await scene.start() }, context);
      });
    });
});

async function suffer(cause: Cause, scene: Scene, context: TestContext): Promise<void> {
  const { dremio, refresher } = scene;
  const { log } = refresher;
  const written = await log.until('token_written');
  const expiresAt = Date.parse(String(written.expires_at));
  await cause.begin(scene);

  const { at: unreadyAt } = await untilUnready(refresher);
  const floor = readyFloor(cause.lifeMs ?? LIFE_MS);
  assert.ok(unreadyAt >= expiresAt - floor, 'it was ready as long as the token was good');
  assert.ok(unreadyAt <= expiresAt + SLACK_MS, 'it was not ready for longer than that');

  const failed = await log.until('login_failed', { timeoutMs: 60_000 });
  assert.equal(failed.audit, true);
  assert.equal(failed.class, cause.class);
  assert.match(String(failed.message), cause.words);

  const reasons = reasonsOf((await refresher.ask('readyz')).text);
  const codes = reasons.map(({ code }) => code);
  assert.equal(codes[0], cause.class, 'the cause comes first');
  assert.match(codes[1] ?? '', /^token_(expiring|expired)$/);
  assert.match(reasons[0]?.message ?? '', cause.words);
  assert.equal(codes.length, 2);

  await assertMetrics(cause, refresher);
  await assertStatus(cause, refresher);

  await log.until('login_failed', { match: ({ times }) => Number(times) >= (cause.tries ?? 1) });
  const endsAt = Date.now();
  await cause.end(scene);
  const back = await eventually('a login succeeds', async () =>
    dremio.logins.find(({ at, status }) => at >= endsAt && status === 200),
  );
  const announced = lastAnnounced(log.lines, back.at);
  const latest = cause.withinMs === undefined ? announced : endsAt + cause.withinMs;
  context.diagnostic(
    `${cause.what}: back ${back.at - endsAt} ms after its end, next try announced for ${announced - endsAt} ms`,
  );
  assert.ok(back.at <= latest + SLACK_MS, `it came back ${back.at - latest} ms late`);
  if (cause.notBeforeMs !== undefined) {
    const pause = back.at - Date.parse(failed.time);
    assert.ok(pause >= cause.notBeforeMs, `it tried again after ${pause} ms`);
  }
  await eventually('it is ready', async () => (await refresher.ask('readyz')).status === 200);
  assert.equal(dremio.demo.tokens.check(await refresher.token()).state, 'valid');
}

/** Asks until it says that it is not ready. */
async function untilUnready(refresher: RefresherContainer) {
  return eventually('it is not ready', async () => {
    const { status } = await refresher.ask('readyz');
    return status !== 200 && { at: Date.now() };
  });
}

/** When the last failure before a success announced that success, epoch ms. */
function lastAnnounced(lines: readonly LogLine[], successAt: number): number {
  const last = lines.findLast(
    ({ event, time }) => event === 'login_failed' && Date.parse(time) < successAt,
  );
  return Date.parse(String(last?.next_try_at));
}

async function assertMetrics(cause: Cause, { ask }: RefresherContainer): Promise<void> {
  const { text } = await ask('metrics');
  const labelsOf = (name: string) =>
    [...text.matchAll(/^lakehouse_refresher_(\w+)\{\w+="(\w+)"\} (\d+)$/gm)]
      .filter(([, metric, , value]) => metric === name && value !== '0')
      .map(([, , label]) => label);
  assert.deepEqual(labelsOf('logins_total').sort(), ['success', cause.class].sort());
  assert.deepEqual(labelsOf('failing'), [cause.class]);
}

/** What `npm run status` prints, for people and as JSON: both are made of these two. */
async function assertStatus(cause: Cause, { name }: RefresherContainer): Promise<void> {
  const status = await stackStatus(runningStack(docker, name, 'containers'));
  const failure = status.token?.loginFailure;
  assert.equal(failure?.class, cause.class);
  assert.match(failure?.message ?? '', cause.words);
  assert.match(failure?.nextTryAt ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

  const head = {
    stack: name,
    ready: false,
    tools: null,
    mcpUrl: 'http://127.0.0.1:8470/mcp',
    madeWith: null,
    docker: { address: '', version: '' },
  };
  const text = statusLines(head, status, styleFor(process.stdout), new Date()).join('\n');
  assert.match(
    text,
    new RegExp(`^Login +fails \\(${cause.class}, .*\\): .*${cause.words.source}`, 'm'),
  );
  assert.match(text, /^ +next try (now|in .+, at \S+Z)$/m);
}
