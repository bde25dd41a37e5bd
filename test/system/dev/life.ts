/** Promise S5 for plain containers: `up` again, after a removal by hand, with other keys, and `down`. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { belongingsOf } from '../../helpers/belongings.ts';
import { lakehouseOk } from '../../helpers/lakehouse-command.ts';
import { steadyQueries } from '../../helpers/load.ts';
import { connect, sqlRunner } from '../../helpers/mcp-client.ts';
import { docker, engineName, logsOf, type TestStack } from '../../helpers/stack.ts';

export const life = (stack: () => TestStack) =>
  describe('from one up to the next, and down', () => {
    const proxyName = () => engineName(stack(), 'proxy');

    it('S5 has nothing to do at a second up: the same containers run on, on the same networks and volumes', async () => {
      const seen = async () => {
        const all = await belongingsOf(stack().name);
        const ids = all.containers.map((line) => line.split(' ')[1] ?? '');
        const containers = await Promise.all(ids.map((id) => docker.getContainer(id).inspect()));
        return { ...all, started: containers.map(({ State }) => State.StartedAt) };
      };
      const before = await seen();
      const { stdout } = await stack().up('--json');
      const { summary } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}');
      assert.deepEqual(
        [summary.create, summary.update, summary.replace, summary.delete],
        [0, 0, 0, 0],
      );
      assert.ok(summary.same > 0, 'it looked at what is there');
      assert.deepEqual(await seen(), before);
    });

    it('makes again what was removed by hand', async () => {
      await docker.getContainer(proxyName()).remove({ force: true });
      await stack().up();
      const client = await connect(stack().url, stack().key);
      const run = await sqlRunner(client);
      assert.deepEqual((await run('SELECT 1 AS one')).rows, [{ one: 1 }]);
      await client.close();
    });

    it('takes a next key beside the current one and drops the old one, with no failed call and no restart', async () => {
      const next = randomBytes(24).toString('hex');
      const setKeys = (keys: unknown) =>
        lakehouseOk(
          ['up', '--stack', stack().name, '--engine', 'local', '--set-secret', 'mcpKeys', '--json'],
          { input: `${JSON.stringify(keys)}\n` },
        );
      const status = async (key: string) => {
        const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
        const answer = await fetch(stack().url, {
          method: 'POST',
          headers: { ...headers, accept: 'application/json, text/event-stream' },
          body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
        });
        await answer.body?.cancel();
        return answer.status;
      };
      const proxy = async () => {
        const { Id, State } = await docker.getContainer(proxyName()).inspect();
        return [Id, State.StartedAt];
      };
      const before = await proxy();
      assert.equal(await status(next), 401);
      const [{ failures }, { stdout, stderr }] = await Promise.all([
        steadyQueries(stack(), { everyMs: 100, durationMs: 10_000 }),
        setKeys({ default: [stack().key, next] }),
      ]);
      assert.deepEqual(failures, []);
      assert.notEqual(await status(next), 401);
      assert.notEqual(await status(stack().key), 401);
      await setKeys({ default: next });
      assert.equal(await status(stack().key), 401);
      assert.notEqual(await status(next), 401);
      assert.deepEqual(await proxy(), before);
      const details = await docker
        .getContainer(engineName(stack(), 'proxy-live-secrets'))
        .inspect();
      const said = [stdout, stderr, JSON.stringify(details), await logsOf(proxyName())];
      assert.ok(!said.join().includes(next), 'the key is shown');
    });
  });

export const end = (stack: () => TestStack) =>
  it('S5 leaves no container, network, volume or secret behind, and comes up again', async () => {
    const { name, port } = stack();
    const { containers, networks, volumes } = await belongingsOf(name);
    for (const kind of [containers, networks, volumes]) assert.ok(kind.length >= 2, kind.join());
    await lakehouseOk(['down', '--stack', name, '--delete-data', '--yes']);
    assert.deepEqual(await belongingsOf(name), {
      containers: [],
      networks: [],
      volumes: [],
      secrets: [],
      services: [],
    });

    const { stdout } = await stack().up(
      ...['--set', 'demo=true', '--set', `mcpPort=${port}`, '--json'],
    );
    assert.match(stdout, /3833/, 'the new stack has answered a query');
  });
