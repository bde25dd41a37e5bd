import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fetchHere } from '../helpers/fetch-at.ts';
import { connect, sqlRunner, WEATHER } from '../helpers/mcp-client.ts';
import {
  DOMAIN,
  deployProduction,
  noProduction,
  type ProductionStack,
} from '../helpers/production.ts';
import { docker, eventually } from '../helpers/stack.ts';

const skip = await noProduction();

describe('the production stack on one Swarm node', { skip }, () => {
  let stack: ProductionStack;
  let here: typeof fetch;
  before(async () => {
    stack = await deployProduction();
    here = fetchHere(stack.ca);
  });
  after(() => stack?.[Symbol.asyncDispose]());

  const tasks = async (component: string) => {
    const service = [`lakehouse-${stack.name}-${component}`];
    const found = await docker.listTasks({ filters: { service, 'desired-state': ['running'] } });
    return found as { Status: { State: string; ContainerStatus: { ContainerID: string } } }[];
  };

  it('answers a query over TLS, by two proxies behind one edge', async () => {
    assert.equal(stack.url, `https://${DOMAIN}:${stack.httpsPort}/mcp`);
    const client = await connect(stack.url, await stack.key(), here);
    const { rows } = await (await sqlRunner(client))(`SELECT COUNT(*) AS n FROM ${WEATHER}`);
    assert.deepEqual(rows, [{ n: 3833 }]);
    await client.close();
    for (const [component, count] of [
      ['edge', 1],
      ['refresher', 1],
      ['proxy', 2],
    ] as const)
      assert.deepEqual(
        (await tasks(component)).map(({ Status }) => Status.State),
        Array.from({ length: count }, () => 'running'),
        component,
      );
  });

  it('is believed by no one who was not given its authority', async () => {
    await assert.rejects(fetchHere('')(stack.url), (error: Error) => {
      assert.match(String((error.cause as Error).message), /self.signed|unable to (get|verify)/i);
      return true;
    });
  });

  it('sends plain HTTP to the same URL with TLS', async () => {
    const plain = await here(`http://${DOMAIN}:${stack.httpPort}/mcp`, { redirect: 'manual' });
    assert.equal(plain.status, 308);
    assert.equal(plain.headers.get('location'), stack.url);
  });

  it('asks for a key', async () => {
    assert.equal((await here(stack.url, { method: 'POST', body: '{}' })).status, 401);
  });

  it('changes nothing at a second up', async () => {
    const again = await stack.up(['--json']);
    assert.equal(again.code, 0, again.stderr);
    const summaries = again.stdout.split('\n').filter((line) => line.includes('"summary"'));
    assert.match(summaries.at(-1) ?? '', /"create":0.*"update":0,"replace":0,"delete":0/);
  });

  it('goes on when a proxy is killed', async () => {
    const key = await stack.key();
    const [proxy] = await tasks('proxy');
    await docker.getContainer(proxy?.Status.ContainerStatus.ContainerID ?? '').kill();
    await eventually(
      'a call succeeds',
      async () => {
        const client = await connect(stack.url, key, here);
        const { isError } = await (await sqlRunner(client))('SELECT 1');
        await client.close();
        return !isError;
      },
      15_000,
    );
  });
});
