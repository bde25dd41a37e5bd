/** R8: what can happen to the folder of the token file, under the refresher's container and before it starts. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { reasonsOf } from '../../scripts/stack/operations.ts';
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
} from '../helpers/refresher-scene.ts';
import { eventually } from '../helpers/stack.ts';

/** Of the first token, which is replaced after 12 s, and of the later ones, so that one login is enough for long. */
const LIFE_MS = 15_000;
const LATER_LIFE_MS = 95_000;
/** A refresher that cannot work says so and ends within this, ms. */
const START_MS = 5_000;

interface Damage {
  readonly what: string;
  readonly code: string;
  /** Shell scripts. */
  readonly damage: string;
  readonly repair: string;
  /** Whether the file can still be read, by the refresher and by the proxy. */
  readonly readable: boolean;
}

const DAMAGES: readonly Damage[] = [
  {
    what: 'is full',
    code: 'ENOSPC',
    damage: 'cat /dev/zero > /token/filler || true',
    repair: 'rm /token/filler',
    readable: true,
  },
  {
    what: 'becomes read-only',
    code: 'EROFS',
    damage: 'mount -o remount,ro /token',
    repair: 'mount -o remount,rw /token',
    readable: true,
  },
  {
    what: 'belongs to someone else',
    code: 'EACCES',
    damage: 'chown 0 /token',
    repair: 'chown 10001 /token',
    readable: true,
  },
  {
    what: 'is closed to all',
    code: 'EACCES',
    damage: 'chmod 0 /token',
    repair: 'chmod 2750 /token',
    readable: false,
  },
];

describe('the folder of the token file', { skip: skipWithoutBaseImage, concurrency: 8 }, () => {
  let kit: RefresherKit;
  before(async () => {
    kit = await makeRefresherKit();
  });
  after(async () => {
    await kit?.remove();
  });

  for (const damage of DAMAGES)
    it(`R8: ${damage.what} (${damage.code}): the old file stays whole, one login is enough, and the new token is there a tick after the repair`, () =>
      playScene({ kit, lifeMs: LIFE_MS }, (scene) => suffer(damage, scene)));

  for (const [what, options, prepare, words] of [
    [
      'is mounted read-only',
      { readOnly: true },
      'true',
      /, which is read-only \(EROFS\); .*Mount the token volume read-write/,
    ],
    [
      'is full',
      {},
      'cat /dev/zero > /token/filler || true',
      /, which is full \(ENOSPC\); .*Make room in it/,
    ],
    // The engine gives an empty volume the owner that the folder has in the image.
    [
      'belongs to someone else',
      {},
      'touch /token/other; chown 0 /token',
      /, to which user 10001:10000 may not write \(EACCES\); .*chown 10001:10000/,
    ],
  ] as const)
    it(`R8: ${what} at the start: the container ends within 5 s and says in plain words why`, () =>
      playScene({ kit, lifeMs: LIFE_MS }, async ({ dremio, toolbox, start }) => {
        await (await toolbox()).run(prepare);
        const { container, log } = await start(options);
        const { problem } = await log.until('setting_wrong');
        const { StatusCode } = (await container.wait()) as { StatusCode: number };
        assert.equal(StatusCode, 69);
        const { StartedAt, FinishedAt } = (await container.inspect()).State;
        const took = Date.parse(FinishedAt) - Date.parse(StartedAt);
        assert.ok(took <= START_MS, `${took} ms`);
        assert.match(String(problem), /^TOKEN_FILE is .*token\.json, which is in the folder /);
        assert.match(String(problem), words);
        assert.deepEqual(dremio.logins, [], 'no password was sent for nothing');
      }));
});

async function suffer(damage: Damage, { dremio, start, ...scene }: Scene): Promise<void> {
  const toolbox = await scene.toolbox();
  const refresher = await start();
  const { container, log } = refresher;
  const first = await log.until('token_written');
  const expiresAt = Date.parse(String(first.expires_at));
  dremio.demo.tokens.setLife(LATER_LIFE_MS);
  const file = await toolbox.run('sha256sum /token/token.json');
  await toolbox.run(damage.damage);

  const unready = await eventually('it is not ready', async () => {
    const reasons = reasonsOf((await refresher.ask('readyz')).text);
    return reasons.length > 0 && { at: Date.now(), reasons };
  });
  assert.equal(unready.reasons[0]?.code, 'token_file_not_writable');
  assert.match(unready.reasons[0]?.message ?? '', new RegExp(damage.code));
  if (damage.readable)
    assert.ok(unready.at >= expiresAt - readyFloor(LIFE_MS), 'the old token was good until then');
  await eventually('the token was renewed', async () => dremio.logins.length >= 2);
  const renewedAt = dremio.logins[1]?.at ?? 0;
  const failures = await eventually('the write was tried again', async () => {
    const lines = log.lines.filter(
      ({ event, time }) => event === 'token_write_failed' && Date.parse(time) >= renewedAt,
    );
    return lines.length >= 3 && lines;
  });
  for (const { message } of failures) assert.match(String(message), new RegExp(damage.code));
  assert.equal(await toolbox.run('sha256sum /token/token.json'), file, 'the old file is as it was');
  assert.equal((await refresher.ask('livez')).status, 200);
  const { text: metrics } = await refresher.ask('metrics');
  assert.match(metrics, /^lakehouse_refresher_failing\{class="token_file_not_writable"\} 1$/m);
  assert.equal(dremio.logins.length, 2, 'only the write is tried again');

  const repairedAt = Date.now();
  await toolbox.run(damage.repair);
  const written = await log.until('token_written', {
    match: ({ time }) => Date.parse(time) >= repairedAt,
  });
  const recovery = Date.parse(written.time) - repairedAt;
  assert.ok(recovery <= TICK_MS + SLACK_MS, `${recovery} ms after the repair`);
  assert.equal((await refresher.ask('readyz')).status, 200);
  assert.equal(dremio.logins.length, 2, 'the token that waited was written');
  assert.equal(dremio.demo.tokens.check(await refresher.token()).state, 'valid');
  const files = await toolbox.run('ls -A /token');
  assert.equal(files, '.token.json.credentials\ntoken.json', 'nothing else is left');
  const { State, RestartCount } = await container.inspect();
  assert.deepEqual([State.Running, RestartCount], [true, 0]);
}
