import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type Dashboard, expressionsOf, readDashboard } from '../helpers/monitoring-files.ts';
import { metricsIn, selectionsIn } from '../helpers/monitoring-promql.ts';
import {
  metricOf,
  type Scrape,
  scrapeOfCertificates,
  scrapeOfEdge,
  scrapeOfProxy,
  scrapeOfRefresher,
} from '../helpers/monitoring-scrapes.ts';

/** Width of a dashboard in the units of `gridPos`. */
const COLUMNS = 24;
/** Made by Prometheus itself. */
const OF_PROMETHEUS = ['up', 'ALERTS'];
/** Only with UPSTREAM=http, or of no use in a picture. */
const NOT_SHOWN: ReadonlySet<string> = new Set([
  'lakehouse_proxy_upstream_requests_total',
  'lakehouse_proxy_upstream_seconds',
  'lakehouse_proxy_client_answers_ignored_total',
  'lakehouse_proxy_tools_info',
]);

describe('the Grafana dashboard', () => {
  let dashboard: Dashboard;
  let scrapes: Scrape[];
  before(async () => {
    dashboard = await readDashboard();
    scrapes = [
      await scrapeOfRefresher(),
      await scrapeOfProxy(),
      await scrapeOfEdge(),
      scrapeOfCertificates,
    ];
  });

  it('can be imported anywhere: it names no data source, and asks which one and which stack', () => {
    assert.deepEqual(
      dashboard.templating.list.map(({ name, type }) => [name, type]),
      [
        ['datasource', 'datasource'],
        ['stack', 'query'],
      ],
    );
    assert.ok(dashboard.title && dashboard.uid);
    for (const { title, type, datasource, targets = [] } of dashboard.panels) {
      if (type === 'row') continue;
      const sources = [datasource, ...targets.map((target) => target.datasource)];
      for (const source of sources)
        assert.deepEqual(source, { type: 'prometheus', uid: `\${datasource}` }, title);
    }
  });

  it('has panels that are told apart, say what they show, fit the width and lie on nobody else', () => {
    const taken = new Map<string, string>();
    const ids = dashboard.panels.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const { type, title, description, gridPos, targets = [] } of dashboard.panels) {
      assert.match(type, /^(row|stat|timeseries)$/, title);
      assert.ok(type === 'row' || (description && targets.length > 0), title);
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
      const { x, y, w, h } = gridPos;
      assert.ok(x >= 0 && w > 0 && h > 0 && x + w <= COLUMNS, title);
      for (let column = x; column < x + w; column++)
        for (let line = y; line < y + h; line++) {
          const place = `${column},${line}`;
          assert.equal(taken.get(place), undefined, `${title} lies on ${taken.get(place)}`);
          taken.set(place, title);
        }
    }
  });

  it('asks for metrics and labels that the services have, and only of the chosen stack', () => {
    for (const expr of expressionsOf(dashboard)) {
      const names = metricsIn(expr);
      assert.ok(names.length > 0, expr);
      const selections = selectionsIn(expr);
      for (const name of names) {
        const known = scrapes.some((scrape) => metricOf(scrape, name));
        assert.ok(known || OF_PROMETHEUS.includes(name), `no metric "${name}": ${expr}`);
        const ofStack = selections.some(
          ({ metric, label, value }) => metric === name && label === 'stack' && value === 'dev',
        );
        assert.ok(ofStack, `${name} of every stack: ${expr}`);
      }
      const labels = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) =>
        list.split(',').map((label) => label.trim()),
      );
      for (const label of labels.filter((one) => !['le', 'instance', 'component'].includes(one)))
        assert.ok(
          names.every((name) =>
            scrapes.some((scrape) => metricOf(scrape, name)?.labels.has(label)),
          ),
          `no label "${label}": ${expr}`,
        );
    }
  });

  it('shows every metric of the proxy, but for the few that are of no use in a picture', async () => {
    const shown = new Set(expressionsOf(dashboard).flatMap(metricsIn));
    for (const name of (await scrapeOfProxy()).keys())
      if (name.startsWith('lakehouse_proxy_') && !NOT_SHOWN.has(name))
        assert.ok(
          [...shown].some((series) => series.startsWith(name)),
          `${name} is not shown`,
        );
  });
});
