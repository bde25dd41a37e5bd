/** The metrics of a Caddy that runs as the edge: what rules, dashboard and page say of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openScene, type Scene } from '../helpers/edge-scene.ts';
import { CADDY, goProgram } from '../helpers/go-program.ts';
import { scrapeOfEdge } from '../helpers/monitoring-scrapes.ts';
import { eventually } from '../helpers/stack.ts';

const { path: caddy, skip } = await goProgram(CADDY);

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What /metrics has: the type of each metric, and its series. */
async function scrape(scene: Scene): Promise<{ types: Map<string, string>; series: Series[] }> {
  const { text } = await scene.operations('/metrics');
  const types = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
  );
  const series = [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(
    ([, name = '', labels = '', value]) => ({
      name,
      labels: Object.fromEntries(
        [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, text]) => [label, text]),
      ),
      value: Number(value),
    }),
  );
  return { types, series };
}

/** The sum of the series of a name that have these labels. */
const total = (series: readonly Series[], name: string, labels: Record<string, string>) =>
  series
    .filter((one) => one.name === name)
    .filter((one) => Object.entries(labels).every(([label, text]) => one.labels[label] === text))
    .reduce((sum, { value }) => sum + value, 0);

describe('the metrics of the edge', { skip }, () => {
  it('are those of the page, count a call once, and tell an error of the edge from an answer', async () => {
    await using scene = await openScene({ caddy, replicas: 1 });
    const counted = { handler: 'subroute' };
    const calls = { ...counted, method: 'POST' };
    const answers = 'caddy_http_request_duration_seconds_count';
    const errors = 'caddy_http_request_errors_total';
    assert.equal((await scene.ask()).status, 200);
    const well = (await scrape(scene)).series;
    assert.equal(total(well, answers, { ...calls, code: '200' }), 1);
    assert.equal(total(well, errors, counted), 0);

    // The edge asks for addresses anew after a second.
    scene.serveBy();
    const failed = await eventually('there is no proxy', async () => {
      const { status } = await scene.ask();
      return status >= 500 && status;
    });
    const { types, series } = await scrape(scene);
    assert.equal(total(series, errors, counted), 1);
    assert.equal(total(series, answers, { ...calls, code: String(failed) }), 1);

    const expected = await scrapeOfEdge();
    for (const [name, { type, labels }] of expected) {
      assert.equal(types.get(name), type, name);
      const first = type === 'histogram' ? `${name}_count` : name;
      const found = series.find((one) => one.name === first);
      assert.deepEqual(Object.keys(found?.labels ?? {}).sort(), [...labels.keys()].sort(), name);
    }
    // Not listed, as the page says: at most it knows the placeholder in the Caddyfile, and no address.
    const useless = 'caddy_reverse_proxy_upstreams_healthy';
    assert.deepEqual(
      [...types.keys()].filter((name) => name.startsWith('caddy_') && !expected.has(name)),
      types.has(useless) ? [useless] : [],
    );
    for (const { name, labels } of series)
      if (name === useless) assert.match(labels.upstream ?? '', /^\{http\.reverse_proxy\./);
  });
});
