/** A Prometheus that scrapes services which run: what it gets is what rules, dashboard and page speak of. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { DEMO_USER, type DemoDremio, start } from '../../images/demo-dremio/src/index.ts';
import { type Bench, callTool, openSession, startBench } from '../fixtures/proxy/harness.ts';
import { repository } from '../helpers/lakehouse-command.ts';
import {
  expressionsOf,
  readDashboard,
  rulesOf,
  tableUnder,
  words,
} from '../helpers/monitoring-files.ts';
import { type Prometheus, startPrometheus, without } from '../helpers/monitoring-prometheus.ts';
import {
  makeWorkplace,
  type RefresherProcess,
  startRefresherProcess,
  type Workplace,
} from '../helpers/refresher-process.ts';
import { eventually } from '../helpers/stack.ts';

interface Rule {
  readonly name: string;
  readonly type: string;
  readonly health: string;
  readonly lastError?: string;
  readonly state?: string;
}

describe('Prometheus beside services that run', { skip: without('prometheus') }, () => {
  let demo: DemoDremio;
  let place: Workplace;
  let refresher: RefresherProcess;
  let proxy: Bench;
  let prometheus: Prometheus;

  const rules = async (): Promise<Rule[]> => {
    const { groups } = (await prometheus.ask('rules')) as { groups: { rules: Rule[] }[] };
    return groups.flatMap((group) => group.rules);
  };
  const values = async (query: string) => {
    const { result } = (await prometheus.ask(`query?query=${encodeURIComponent(query)}`)) as {
      result: { metric: Record<string, string>; value: [number, string] }[];
    };
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  };

  before(async () => {
    demo = await start();
    place = await makeWorkplace(DEMO_USER.password);
    refresher = startRefresherProcess({
      DREMIO_URL: `${demo.url}/`,
      DREMIO_USERNAME: DEMO_USER.userName,
      DREMIO_PASSWORD_FILE: place.passwordFile,
      TOKEN_FILE: place.tokenFile,
      // One that has checked nothing since it was first seen would look stalled until it does.
      CHECK_INTERVAL: '5',
    });
    const { operations_port: port } = await refresher.logged('started');
    await refresher.logged('token_written');
    proxy = await startBench({
      env: { DREMIO_URL: `${demo.url}/`, TOKEN_FILE: place.tokenFile },
    });
    await eventually('the proxy is ready', async () => (await proxy.ready()).status === 200);
    await callTool(proxy.url, await openSession(proxy.url), 'echo');
    prometheus = await startPrometheus(
      [
        { job: 'lakehouse-refresher', port: Number(port) },
        { job: 'lakehouse-proxy', port: proxy.proxy.operationsPort },
      ],
      [rulesOf('refresher'), rulesOf('proxy')],
    );
  });
  after(async () => {
    await prometheus?.stop();
    await proxy?.[Symbol.asyncDispose]();
    refresher?.child.kill('SIGKILL');
    await refresher?.exited;
    await place?.remove();
    await demo?.close();
  });

  it('gets every metric that the page speaks of, of the type that it says', async () => {
    const page = await readFile(`${repository}docs/monitoring.md`, 'utf8');
    for (const service of ['refresher', 'proxy'] as const) {
      const target = encodeURIComponent(`{job="lakehouse-${service}"}`);
      const metrics = await eventually(`a scrape of the ${service}`, async () => {
        const got = (await prometheus.ask(`targets/metadata?match_target=${target}`)) as {
          metric: string;
          type: string;
        }[];
        return got.length > 0 && new Map(got.map(({ metric, type }) => [metric, type]));
      });
      // Those of a remote server are there only with one.
      const told = tableUnder(page, `Metrics of the ${service}`)
        .map(([name, type]) => [words(name)[0] ?? '', type] as const)
        .filter(([name]) => !name.startsWith('lakehouse_proxy_upstream_'));
      for (const [name, type] of told) assert.equal(metrics.get(name), type, name);
    }
  });

  it('can evaluate every rule and every panel', async () => {
    await eventually('all rules were evaluated', async () => {
      const all = await rules();
      assert.ok(
        all.every(({ health }) => health === 'ok' || health === 'unknown'),
        JSON.stringify(all),
      );
      return all.every(({ health }) => health === 'ok') && all;
    });
    for (const expr of expressionsOf(await readDashboard())) await values(expr);
  });

  it('tells the stack and the component of each service, and whether it is well', async () => {
    const found = await eventually('both are up', async () => {
      const all = await values('up == 1');
      return all.length === 2 && all;
    });
    assert.deepEqual(found.map(({ metric }) => [metric.stack, metric.component]).sort(), [
      ['test', 'proxy'],
      ['test', 'refresher'],
    ]);
    await eventually('no alert waits', async () => {
      const waiting = await values('ALERTS');
      assert.deepEqual(
        waiting.map(({ metric }) => metric),
        [],
      );
      return true;
    });
  });

  it('notices a refresher that ends: its alert waits for its time', async () => {
    refresher.child.kill('SIGKILL');
    await eventually('the alert is pending', async () =>
      (await rules()).some(
        ({ name, state }) => name === 'LakehouseRefresherDown' && state === 'pending',
      ),
    );
  });
});
