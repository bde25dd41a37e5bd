import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fetchHere } from '../../helpers/fetch-at.ts';
import { WEATHER } from '../../helpers/mcp-client.ts';
import { DOMAIN } from '../../helpers/production.ts';
import { eventually } from '../../helpers/stack.ts';
import { query, type Scene, tasks } from './scene.ts';

export const calls = (scene: Scene) =>
  describe('what a client meets', () => {
    it('answers a query over TLS, by two proxies behind one edge', async () => {
      const { stack } = scene();
      assert.equal(stack.url, `https://${DOMAIN}:${stack.httpsPort}/mcp`);
      const rows = await query(scene(), `SELECT COUNT(*) AS n FROM ${WEATHER}`);
      assert.deepEqual(rows, [{ n: 3833 }]);
      // A task that serves already is "starting" until the Swarm has asked for its health.
      for (const [component, count] of [
        ['edge', 1],
        ['refresher', 1],
        ['proxy', 2],
      ] as const)
        await eventually(`${count} of ${component} run`, async () => {
          const states = (await tasks(scene(), component)).map(({ Status }) => Status.State);
          return states.length === count && states.every((state) => state === 'running');
        });
    });

    it('is believed by no one who was not given its authority', async () => {
      await assert.rejects(fetchHere('')(scene().stack.url), (error: Error) => {
        const cause = String((error.cause as Error).message);
        assert.match(cause, /self.signed|unable to (get|verify)/i);
        return true;
      });
    });

    it('sends plain HTTP to the same URL with TLS', async () => {
      const { stack, here } = scene();
      const plain = await here(`http://${DOMAIN}:${stack.httpPort}/mcp`, { redirect: 'manual' });
      assert.equal(plain.status, 308);
      assert.equal(plain.headers.get('location'), stack.url);
    });

    it('asks for a key', async () => {
      const { stack, here } = scene();
      assert.equal((await here(stack.url, { method: 'POST', body: '{}' })).status, 401);
    });

    it('changes nothing at a second up', async () => {
      const again = await scene().stack.up(['--json']);
      assert.equal(again.code, 0, again.stderr);
      const summaries = again.stdout.split('\n').filter((line) => line.includes('"summary"'));
      assert.match(summaries.at(-1) ?? '', /"create":0.*"update":0,"replace":0,"delete":0/);
    });
  });
