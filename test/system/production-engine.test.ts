/**
 * What befalls the node of a production stack, and what a deployment of it does to those who call. All of it happens on
 * an engine of the test's own, so that nobody else's services stop.
 */
import assert from 'node:assert/strict';
import type { Readable } from 'node:stream';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type Docker from 'dockerode';
import {
  findLeftovers,
  NOTHING,
  removeLeftovers,
  tasksGone,
} from '../../scripts/stack/leftovers.ts';
import type { NodeAnswer } from '../../scripts/stack/swarm-facts.ts';
import { fetchHere } from '../helpers/fetch-at.ts';
import { lakehouse } from '../helpers/lakehouse-command.ts';
import { connect, type SqlAnswer, sqlRunner } from '../helpers/mcp-client.ts';
import { noOwnEngine, OwnEngine } from '../helpers/own-engine.ts';
import { deployProduction, noProduction, type ProductionStack } from '../helpers/production.ts';
import { docker, eventually } from '../helpers/stack.ts';

const skip = noOwnEngine || (await noProduction());
const RECOVERY_MS = 120_000;
const OURS = ['edge', 'proxy', 'refresher'];

describe('the node of a production stack', { skip }, () => {
  const made = new AsyncDisposableStack();
  let stack: ProductionStack;
  let engine: OwnEngine;
  let client: Client;
  let session: string | undefined;
  let ask: (sql: string) => Promise<SqlAnswer>;

  before(async () => {
    stack = made.use(await deployProduction({ proxyReplicas: '1' }));
    engine = made.use(await OwnEngine.start());
    const { nodeImage = '', dremioUrl = '' } = stack.settings;
    for (const url of [`http://${nodeImage}`, dremioUrl])
      await engine.forward(Number(new URL(url).port));
    const copied = OURS.map((name) =>
      copyImage(`lakehouse-mcp/${name}:${stack.name}`, docker, engine.docker),
    );
    await Promise.all([loseFirstNode(), ...copied]);
  });
  after(async () => {
    await client?.close().catch(() => {});
    await made.disposeAsync();
  });

  /** All that the stack had on the engine which deployed it first goes, and the stack's state does not know. */
  async function loseFirstNode() {
    const { services } = await findLeftovers(docker, stack.name);
    await removeLeftovers(docker, { ...NOTHING, services });
    await tasksGone(docker, stack.name, () => {});
    await removeLeftovers(docker, await findLeftovers(docker, stack.name));
  }

  /** A command of the stack, where its engine now is. */
  const run = (command: string, ...words: string[]) =>
    lakehouse([command, '--stack', stack.name, ...words], {
      inside: engine.inside,
      environment: { DOCKER_HOST: engine.address },
    });
  const up = (...words: string[]) => run('up', '--engine', 'local', '--trial', ...words);
  const ofStack = async () => {
    const { services, containers, networks, secrets } = await findLeftovers(
      engine.docker,
      stack.name,
    );
    return [...services, ...containers, ...networks, ...secrets];
  };
  const node = async () => {
    const [only] = (await engine.docker.listNodes()) as (NodeAnswer & {
      Version: { Index: number };
    })[];
    assert.ok(only);
    return only;
  };
  const changeNode = async (changes: object) => {
    const { ID, Spec, Version } = await node();
    const body = { ...Spec, ...changes, version: Version.Index };
    await engine.docker.getNode(ID).update(body);
  };

  /** The client of before, in the session of before. */
  const servesAgain = () =>
    eventually(
      'the session goes on',
      async () => {
        const { isError, rows } = await ask('SELECT 1 AS n');
        return !isError && rows[0]?.n === 1;
      },
      RECOVERY_MS,
    );
  const isWhole = async (t?: TestContext) => {
    const begun = Date.now();
    await servesAgain();
    t?.diagnostic(`served again after ${((Date.now() - begun) / 1000).toFixed(1)} s`);
    assert.equal(client.transport?.sessionId, session, 'no client had to begin anew');
    const status = await eventually('status says that all is ready', async () => {
      const found = await run('status');
      return found.code === 0 && found;
    });
    assert.doesNotMatch(status.stdout, /not ready|drained|is down/);
    const { code, stdout } = await run('preview', '--expect-no-changes');
    assert.equal(code, 0, stdout);
  };

  it('that is in no Swarm is told by up, doctor, down and status, with the command; nothing is made, nothing is lost', async () => {
    for (const found of [await up(), await run('doctor'), await run('down')]) {
      assert.equal(found.code, 1);
      const said = found.stdout + found.stderr;
      assert.match(said, /The Docker engine of \S+ is not in a Swarm\./);
      assert.match(said, /docker swarm init$/m);
      assert.doesNotMatch(said, /HTTP code|\n\s+at /);
    }
    const status = await run('status');
    assert.equal(status.code, 4);
    assert.match(status.stdout, /has nothing on the engine at unix:/);
    assert.match(status.stdout, new RegExp(`npm run up -- --stack ${stack.name}`));
    assert.deepEqual(await ofStack(), []);
  });

  it('without the label is told with the command that labels it, and nothing is made', async () => {
    await engine.docker.swarmInit({
      ListenAddr: '127.0.0.1:2377',
      AdvertiseAddr: '127.0.0.1',
      ForceNewCluster: false,
    });
    const { code, stderr } = await up();
    assert.equal(code, 1);
    assert.match(stderr, /No node of the Swarm has the label lakehouse=true/);
    const name = (await node()).Description?.Hostname;
    assert.match(stderr, new RegExp(`docker node update --label-add lakehouse=true ${name}$`, 'm'));
    assert.deepEqual(await ofStack(), []);
  });

  it('takes over a stack whose node is lost: one up, with the keys and the authority that clients have', async () => {
    await changeNode({ Labels: { lakehouse: 'true' } });
    const [key, ca] = [await stack.key(), stack.ca];
    const { code, stdout, stderr } = await up();
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    const here = fetchHere(ca, await engine.socketOf(stack.httpsPort));
    client = await connect(stack.url, key, here);
    session = client.transport?.sessionId;
    assert.ok(session);
    ask = await sqlRunner(client);
    await isWhole();
  });

  it('goes back when an update ends as it starts, while the version before answers every call; the next up mends it', async () => {
    const failures: unknown[] = [];
    let calls = 0;
    let over = false;
    const calling = (async () => {
      for (; !over; calls += 1) {
        const { isError, text } = await ask('SELECT 1 AS n').catch((error) => ({
          isError: true,
          text: String(error),
        }));
        if (isError) failures.push(text);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
    const spare = await killAtStart(engine.docker, 'QUEUE_WAIT=6');
    const { code, stdout, stderr } = await up('--set', 'queueWait=6');
    spare();
    over = true;
    await calling;
    assert.equal(code, 1, stdout);
    assert.match(stderr, /The update of the service "\S+-proxy" did not take: /);
    assert.match(stderr, /Swarm rolled the update back/);
    assert.match(stderr, /The old version still serves \(1 of its tasks are running\)/);
    assert.match(stderr, /proxy: its update failed and was rolled back/);
    assert.match(stderr, /docker service ps --no-trunc lakehouse-\S+-proxy/);
    assert.ok(calls > 0);
    assert.deepEqual(failures, [], `of ${calls} calls`);

    const told = await run('status');
    assert.match(told.stdout, /^proxy +1 of 1 +rolled back/m);
    assert.match(
      told.stdout,
      /its update failed and was rolled back: the version before it serves/,
    );
    const mended = await up('--unset', 'queueWait');
    assert.equal(mended.code, 0, mended.stderr);
    assert.doesNotMatch((await run('status')).stdout, /rolled back/);
    await isWhole();
  });

  it('that is drained is told by status, doctor and up, and serves again when it is active', async (t) => {
    const command = /docker node update --availability active \S+/;
    await changeNode({ Availability: 'drain' });
    await eventually(
      'its tasks end',
      async () => (await engine.docker.listContainers()).length === 0,
    );
    const told = await run('status');
    assert.equal(told.code, 4);
    assert.match(told.stdout, /Node \S+ is drained: nothing runs there \(edge, proxy, refresher\)/);
    assert.match(told.stdout, command);
    for (const found of [await run('doctor'), await up()]) {
      assert.equal(found.code, 1);
      assert.match(
        found.stdout + found.stderr,
        /No node with the label lakehouse=true takes services now/,
      );
      assert.match(found.stdout + found.stderr, command);
    }
    await changeNode({ Availability: 'active' });
    await isWhole(t);
  });

  it('whose Docker engine is restarted serves again by itself, and has lost nothing', async (t) => {
    await engine.restart();
    await isWhole(t);
  });

  it('that loses its power serves again by itself, and has lost nothing', async (t) => {
    await engine.losePower();
    await engine.socketOf(stack.httpsPort);
    await isWhole(t);
  });

  it('keeps protected data when the stack goes down, and all of it until its loss is asked for twice', async () => {
    const volume = `lakehouse-${stack.name}-edge-data`;
    const Labels = { 'lakehouse.stack': stack.name, 'lakehouse.data': 'true' };
    await engine.docker.createVolume({ Name: volume, Labels });
    const before = await ofStack();
    const refused = await run('down', '--delete-data');
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /is a production stack: its data is not deleted without/);
    assert.match(
      refused.stderr,
      new RegExp(`npm run down -- --stack ${stack.name} --delete-data --yes$`, 'm'),
    );
    assert.deepEqual(await ofStack(), before);

    const down = await run('down');
    assert.equal(down.code, 0, down.stderr);
    assert.match(down.stdout, new RegExp(`its data in ${volume}`));
    assert.deepEqual(await ofStack(), []);
    const volumes = async () => (await findLeftovers(engine.docker, stack.name)).volumes;
    assert.deepEqual(await volumes(), [volume]);
    assert.equal((await run('down', '--delete-data', '--yes')).code, 0);
    assert.deepEqual(await volumes(), []);
  });
});

/** Copies an image with its name. */
async function copyImage(name: string, from: Docker, to: Docker): Promise<void> {
  const loading = await to.loadImage(await from.getImage(name).get());
  await new Promise<void>((resolve, reject) =>
    to.modem.followProgress(loading, (error: Error | null) => (error ? reject(error) : resolve())),
  );
}

/** Kills each container that starts with this in its environment. @returns what ends it */
async function killAtStart(on: Docker, variable: string): Promise<() => void> {
  const filters = { type: ['container' as const], event: ['start'] };
  const events = (await on.getEvents({ filters })) as Readable;
  events.on('error', () => {});
  events.on('data', async (line: Buffer) => {
    for (const text of line.toString().trim().split('\n')) {
      const container = on.getContainer((JSON.parse(text) as { id: string }).id);
      const found = await container.inspect().catch(() => undefined);
      if (found?.Config.Env.includes(variable)) await container.kill().catch(() => undefined);
    }
  });
  return () => void events.destroy();
}
