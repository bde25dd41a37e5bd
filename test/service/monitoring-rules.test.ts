/**
 * The alerting rules for the refresher and the page about them, held against what the refresher tells. When the alerts
 * fire is tried in test/system, with Prometheus' own tool.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { createRegistry } from '../../images/kit/src/metrics.ts';
import { FAILURE_CLASSES } from '../../images/refresher/src/core/failure.ts';
import { initialState } from '../../images/refresher/src/core/state.ts';
import { createMetrics } from '../../images/refresher/src/metrics.ts';
import { repository } from '../helpers/lakehouse-command.ts';

const FOLDER = `${repository}docs/monitoring/`;
const RULES = `${FOLDER}refresher.rules.yaml`;
const RULE_TESTS = `${FOLDER}refresher.rules.test.yaml`;
const PAGE = `${repository}docs/monitoring.md`;

interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}
interface RuleTests {
  tests: { alert_rule_test?: { alertname: string; exp_alerts: unknown[] }[] }[];
}

/** What a scrape of the refresher has: each metric with its type, and its labels with the values they take. */
type Scrape = Map<string, { type: string; labels: Map<string, Set<string>> }>;

async function scrape(): Promise<Scrape> {
  const registry = createRegistry({ service: 'refresher', version: '0.0.0' });
  createMetrics(
    registry,
    () => initialState,
    () => 0,
  );
  return new Map(
    (await registry.getMetricsAsJSON()).map(({ name, type, values }) => {
      const labels = new Map<string, Set<string>>();
      for (const { labels: pairs } of values)
        for (const [label, value] of Object.entries(pairs))
          labels.set(label, (labels.get(label) ?? new Set()).add(String(value)));
      return [name, { type: String(type), labels }];
    }),
  );
}

/** Made by Prometheus at every scrape; with these labels on every series. */
const OF_PROMETHEUS = 'up';
const TARGET_LABELS = ['job', 'instance'];

/** Metrics of a PromQL expression: the names that are no function, keyword or label. */
function metricsIn(expr: string): string[] {
  const bare = expr
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, '')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, '');
  const keywords = ['and', 'or', 'unless', 'bool', 'offset'];
  return [...bare.matchAll(/\b[a-zA-Z_:][\w:]*\b(?!\s*\()/g)]
    .map(([name]) => name)
    .filter((name) => !keywords.includes(name) && !/^(sum|max|min|count|avg)$/.test(name));
}

/** The selectors of an expression: metric, label, and each value that is asked for. */
function selectionsIn(expr: string): { metric: string; label: string; value: string }[] {
  return [...expr.matchAll(/([\w:]+)\{([^}]*)\}/g)].flatMap(([, metric = '', matchers = '']) =>
    [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)].flatMap(
      ([, label = '', values = '']) => values.split('|').map((value) => ({ metric, label, value })),
    ),
  );
}

/** The rows of the table under a heading, cell by cell, without the head. */
function tableUnder(page: string, heading: string): string[][] {
  const [, section] = page.split(new RegExp(`^## ${heading}$`, 'm'));
  assert.ok(section, `no heading "${heading}"`);
  const rows = (section.split(/^## /m)[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

const words = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word);
const anchorOf = (heading: string) => heading.toLowerCase().replaceAll(' ', '-');

let rules: Rule[];
let page: string;
let refresher: Scrape;
before(async () => {
  const { groups } = parse(await readFile(RULES, 'utf8')) as { groups: { rules: Rule[] }[] };
  rules = groups.flatMap((group) => group.rules);
  page = await readFile(PAGE, 'utf8');
  refresher = await scrape();
});

describe('the alerting rules for the refresher', () => {
  it('ask for metrics, labels and values that the refresher has, and for nothing else', () => {
    for (const { alert, expr } of rules) {
      const metrics = metricsIn(expr);
      assert.ok(metrics.length > 0, alert);
      for (const name of metrics)
        assert.ok(name === OF_PROMETHEUS || refresher.has(name), `${alert}: no metric "${name}"`);
      for (const { metric, label, value } of selectionsIn(expr))
        if (!TARGET_LABELS.includes(label))
          assert.ok(
            refresher.get(metric)?.labels.get(label)?.has(value),
            `${alert}: no ${metric}{${label}="${value}"}`,
          );
    }
  });

  it('look at every class of failure', () => {
    const asked = rules
      .flatMap(({ expr }) => selectionsIn(expr))
      .filter(({ metric }) => metric === 'lakehouse_refresher_failing')
      .map(({ value }) => value);
    assert.deepEqual(asked.sort(), [...FAILURE_CLASSES, 'token_file_not_writable'].sort());
  });

  it('look at the job that the example configuration scrapes', async () => {
    const { scrape_configs } = parse(await readFile(`${FOLDER}prometheus.yml`, 'utf8')) as {
      scrape_configs: { job_name: string }[];
    };
    const jobs = rules
      .flatMap(({ expr }) => selectionsIn(expr))
      .filter(({ label }) => label === 'job')
      .map(({ value }) => value);
    assert.deepEqual([...new Set(jobs)], [scrape_configs[0]?.job_name]);
  });

  it('say what happened and what to do, and name a part of the documentation that exists', async () => {
    for (const { alert, labels, annotations } of rules) {
      assert.match(alert, /^LakehouseRefresher/);
      assert.match(labels.severity ?? '', /^(critical|warning)$/, alert);
      assert.deepEqual(Object.keys(annotations), ['summary', 'description', 'runbook'], alert);
      const [file, anchor] = annotations.runbook?.split('#') ?? [];
      const headings = (await readFile(`${repository}${file}`, 'utf8')).matchAll(/^## (.+)$/gm);
      assert.ok(
        [...headings].some(([, heading = '']) => anchorOf(heading) === anchor),
        `${alert}: ${annotations.runbook}`,
      );
    }
  });

  it('each have a test in which they fire and one in which they do not', async () => {
    const { tests } = parse(await readFile(RULE_TESTS, 'utf8')) as RuleTests;
    const cases = tests.flatMap(({ alert_rule_test = [] }) => alert_rule_test);
    for (const { alert } of rules) {
      const own = cases.filter(({ alertname }) => alertname === alert);
      const fires = own.filter(({ exp_alerts }) => exp_alerts.length > 0);
      assert.ok(fires.length > 0, `${alert} is not seen to fire`);
      assert.ok(fires.length < own.length, `${alert} is not seen to be silent`);
    }
  });
});

describe('docs/monitoring.md', () => {
  it('lists exactly the metrics of the refresher, with type and labels', () => {
    const told = tableUnder(page, 'Metrics of the refresher').map(([name, type, labels]) => ({
      name: words(name)[0],
      type,
      labels: words(labels),
    }));
    const own = [...refresher].filter(([name]) => name.startsWith('lakehouse_'));
    const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }) =>
      String(a.name).localeCompare(String(b.name));
    assert.deepEqual(
      told.sort(byName),
      own
        .map(([name, { type, labels }]) => ({ name, type, labels: [...labels.keys()] }))
        .sort(byName),
    );
  });

  it('lists exactly the alerts, with their severity', () => {
    assert.deepEqual(
      tableUnder(page, 'Alerts').map(([name, severity]) => `${words(name)[0]} ${severity}`),
      rules.map(
        ({ alert, labels }) => `…${alert.replace('LakehouseRefresher', '')} ${labels.severity}`,
      ),
    );
  });

  it('shows the example configuration as it is', async () => {
    const file = await readFile(`${FOLDER}prometheus.yml`, 'utf8');
    assert.ok(page.includes(`\`\`\`yaml\n${file}\`\`\``));
  });
});
