/** Promise S8 with the demo: what a call notices when Dremio's container is made anew, with its data and without. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  docker,
  engineName,
  eventually,
  execNode,
  logsOf,
  metricsOf,
  type TestStack,
} from '../../helpers/stack.ts';
import { SteadyCallers, type TimedCall } from '../../helpers/steady-callers.ts';
import { openToolbox } from '../../helpers/toolbox.ts';

/** As Dremio's own. The tick of the refresher is then the whole of its check interval. */
const TOKEN_LIFE_SECONDS = 108_000;
/** A refused token is not replaced sooner than this after the last login (images/refresher: next-step.ts). */
const LOGIN_PAUSE_MS = 30_000;
const AFTER_TICK_MS = 10_000;
/** How many calls must go well after it, for it to be over. */
const CALLS_AFTER = 20;

/** Milliseconds since the epoch. */
interface Downtime {
  /** Just before the container was removed. */
  readonly from: number;
  /** When it was. */
  readonly gone: number;
  /** When the next one has said that it listens. */
  readonly to: number;
}

/** When a service has logged an event; ms since the epoch. Before each line stand eight bytes of the engine's. */
const timesOf = (log: string, event: string): number[] =>
  log
    .split('\n')
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => Date.parse(JSON.parse(line.slice(line.indexOf('{"'))).time));

const failed = (calls: readonly TimedCall[]) =>
  calls.filter(({ failure }) => failure !== undefined);

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

export const dremioMadeAnew = (stack: () => TestStack) =>
  describe('a Dremio whose container is made anew', () => {
    const demo = () => engineName(stack(), 'demo');
    const volume = () => engineName(stack(), 'demo-data');

    /** A container like the one that is there, with the volume for its tokens. */
    async function makeAnew(prepare = async () => {}): Promise<Downtime> {
      const old = docker.getContainer(demo());
      const { Image, Config, HostConfig, NetworkSettings } = await old.inspect();
      const [network = ''] = Object.keys(NetworkSettings.Networks);
      const from = Date.now();
      await old.remove({ force: true });
      const gone = Date.now();
      await prepare();
      const made = await docker.createContainer({
        ...Config,
        name: demo(),
        Image,
        Hostname: '',
        Env: [
          ...Config.Env.filter((entry) => !/^(DEMO_TOKEN_LIFE|TOKENS_FILE)=/.test(entry)),
          `DEMO_TOKEN_LIFE=${TOKEN_LIFE_SECONDS}`,
          'TOKENS_FILE=/data/tokens.json',
        ],
        HostConfig: {
          ...HostConfig,
          Mounts: [{ Type: 'volume', Source: volume(), Target: '/data' }],
        },
        NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: ['demo'] } } },
      });
      await made.start();
      const to = await eventually(
        'the demo listens',
        async () => timesOf(await logsOf(demo()), 'listening')[0],
      );
      return { from, gone, to };
    }

    /** One that belongs to the demo's user and is empty. */
    async function makeVolume(): Promise<void> {
      await docker.createVolume({ Name: volume() });
      const { Image } = await docker.getContainer(engineName(stack(), 'refresher')).inspect();
      const toolbox = await openToolbox(Image, volume());
      try {
        await toolbox.run('chown 10003:10000 /token');
      } finally {
        await toolbox.remove();
      }
    }

    /** The token in use, when it was written and when it ends, in ms since the epoch. */
    async function token(): Promise<{ token: string; writtenAt: number; expiresAt: number }> {
      const script = `
        const { readFileSync, statSync } = require('node:fs');
        const path = '/var/lib/lakehouse/token/token.json';
        const { token, expires_at } = JSON.parse(readFileSync(path, 'utf8'));
        process.stdout.write(JSON.stringify(
          { token, writtenAt: statSync(path).mtimeMs, expiresAt: Date.parse(expires_at) }));`;
      return JSON.parse(await execNode(engineName(stack(), 'refresher'), script));
    }

    const logins = async () =>
      (await metricsOf(demo())).get('demo_dremio_logins_total{outcome="success"}');

    before(async () => {
      await makeVolume();
      await makeAnew();
      await eventually('a token of the new one is in use', async () => {
        const { expiresAt } = await token();
        return expiresAt > Date.now() + (TOKEN_LIFE_SECONDS * 1000) / 2;
      });
    });
    after(async () => {
      await docker.getContainer(demo()).remove({ force: true });
      await docker.getVolume(volume()).remove();
      await stack().up();
    });

    it('S8 fails no call beyond its downtime when it has kept its data', async (test) => {
      const { token: used } = await token();
      await using callers = await SteadyCallers.start(stack());
      const { calls } = callers;
      await eventually('calls go well before', async () => calls.length >= 5);
      const down = await makeAnew();
      const later = () => calls.filter(({ from }) => from > down.to);
      await eventually('calls end after', async () => later().length >= CALLS_AFTER);
      const during = calls.filter(({ from, to }) => from <= down.to && to >= down.from);
      const others = calls.filter((call) => !during.includes(call));
      test.diagnostic(
        `down for ${seconds(down.to - down.from)}: ${failed(during).length} of ${during.length} calls failed; ` +
          `${failed(others).length} of ${others.length} before and after`,
      );
      assert.deepEqual(failed(others), []);
      assert.equal((await token()).token, used, 'the token stayed');
      assert.equal(await logins(), 0);
    });

    it('S8 is answered again one tick and 10 s later when it has lost its data', async (test) => {
      const { Config } = await docker.getContainer(engineName(stack(), 'refresher')).inspect();
      const interval = Config.Env.find((entry) => entry.startsWith('CHECK_INTERVAL='));
      const tickMs = Number(interval?.split('=')[1]) * 1000;
      const { writtenAt } = await token();
      await eventually(
        'the last login is long enough ago',
        async () => Date.now() - writtenAt > LOGIN_PAUSE_MS,
      );
      await using callers = await SteadyCallers.start(stack());
      const { calls } = callers;
      await eventually('calls go well before', async () => calls.length >= 5);
      const down = await makeAnew(async () => {
        await docker.getVolume(volume()).remove();
        await makeVolume();
      });
      const recovered = await eventually(
        'a call succeeds again',
        async () => calls.find(({ from, failure }) => from > down.gone && failure === undefined),
        tickMs + AFTER_TICK_MS,
      );
      const later = () => calls.filter(({ from }) => from > recovered.to);
      await eventually('calls end after', async () => later().length >= CALLS_AFTER);
      test.diagnostic(
        `down for ${seconds(down.to - down.from)}; the first call answered ` +
          `${seconds(recovered.to - down.from)} after it went, with a tick of ${seconds(tickMs)}; ` +
          `${failed(calls).length} calls failed meanwhile`,
      );
      assert.ok(recovered.to - down.to <= tickMs + AFTER_TICK_MS);
      assert.deepEqual(failed(later()), []);
      assert.equal(await logins(), 1);
      const told = await logsOf(engineName(stack(), 'proxy'));
      assert.ok(
        timesOf(told, 'refresher_told').some((at) => at > down.from && at <= recovered.to),
        'the proxy told the refresher, which would have found out at its tick',
      );
    });
  });
