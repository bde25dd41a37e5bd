/**
 * The alerting rules and the page about them, held against what the services tell. When the alerts fire is tried in
 * test/system, with Prometheus' own tool.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { FAILURE_CLASSES } from '../../images/refresher/src/core/failure.ts';
import { repository } from '../helpers/lakehouse-command.ts';
import {
  type Alert,
  anchorsOf,
  readCertificateJobs,
  readConfiguration,
  readRuleCases,
  readRules,
  SERVICES,
  type Service,
  tableUnder,
  words,
} from '../helpers/monitoring-files.ts';
import { metricsIn, selectionsIn } from '../helpers/monitoring-promql.ts';
import {
  metricOf,
  type Scrape,
  scrapeOfCertificates,
  scrapeOfEdge,
  scrapeOfProxy,
  scrapeOfRefresher,
} from '../helpers/monitoring-scrapes.ts';

/** Made by Prometheus at every scrape; with these labels on every series. */
const OF_PROMETHEUS = 'up';
const TARGET_LABELS = ['job', 'instance', 'stack', 'component'];

let page: string;
const scrapes = new Map<Service, Scrape>();
const alerts = new Map<Service, readonly Alert[]>();
const recorded = new Map<Service, readonly string[]>();

before(async () => {
  page = await readFile(`${repository}docs/monitoring.md`, 'utf8');
  scrapes.set('refresher', await scrapeOfRefresher());
  scrapes.set('proxy', await scrapeOfProxy());
  scrapes.set('edge', new Map([...(await scrapeOfEdge()), ...scrapeOfCertificates]));
  for (const service of SERVICES) {
    const rules = await readRules(service);
    alerts.set(service, rules.alerts);
    recorded.set(service, rules.recorded);
  }
});

const scrapeOf = (service: Service): Scrape => scrapes.get(service) ?? new Map();
const alertsOf = (service: Service): readonly Alert[] => alerts.get(service) ?? [];
const jobsIn = (service: Service) =>
  alertsOf(service)
    .flatMap(({ expr }) => selectionsIn(expr))
    .filter(({ label }) => label === 'job')
    .map(({ value }) => value);

for (const service of SERVICES)
  describe(`the alerting rules for the ${service}`, () => {
    it('ask for metrics, labels and values that it has, and for nothing else', () => {
      const scrape = scrapeOf(service);
      const known = (name: string) =>
        name === OF_PROMETHEUS ||
        metricOf(scrape, name) !== undefined ||
        recorded.get(service)?.includes(name);
      for (const { alert, expr } of alertsOf(service)) {
        const metrics = metricsIn(expr);
        assert.ok(metrics.length > 0, alert);
        for (const name of metrics) assert.ok(known(name), `${alert}: no metric "${name}"`);
        for (const { metric, label, value } of selectionsIn(expr)) {
          if (TARGET_LABELS.includes(label)) continue;
          const values = [...(metricOf(scrape, metric)?.labels.get(label) ?? [])];
          assert.ok(
            values.some((one) => new RegExp(`^(?:${value})$`).test(one)),
            `${alert}: no ${metric}{${label}="${value}"}`,
          );
        }
      }
    });

    it('say what happened and what to do, and name a part of the documentation that exists', async () => {
      const name =
        service === 'edge'
          ? /^Lakehouse(Edge|Certificate)[A-Z]/
          : new RegExp(`^Lakehouse${service[0]?.toUpperCase()}${service.slice(1)}[A-Z]`);
      for (const { alert, labels, annotations } of alertsOf(service)) {
        assert.match(alert, name);
        assert.match(labels.severity ?? '', /^(critical|warning)$/, alert);
        assert.deepEqual(Object.keys(annotations), ['summary', 'description', 'runbook'], alert);
        const [file, anchor = ''] = annotations.runbook?.split('#') ?? [];
        const text = await readFile(`${repository}${file}`, 'utf8');
        assert.ok(anchorsOf(text).includes(anchor), `${alert}: ${annotations.runbook}`);
      }
    });

    it('each have a test in which they fire and one in which they do not', async () => {
      const cases = await readRuleCases(service);
      for (const { alert } of alertsOf(service)) {
        const own = cases.filter(({ alertname }) => alertname === alert);
        const fires = own.filter(({ exp_alerts }) => exp_alerts.length > 0);
        assert.ok(fires.length > 0, `${alert} is not seen to fire`);
        assert.ok(fires.length < own.length, `${alert} is not seen to be silent`);
      }
    });

    it('stand in docs/monitoring.md, all of them, with their severity', () => {
      const heading = service === 'edge' ? 'The edge and its certificate' : `The ${service}`;
      assert.deepEqual(
        tableUnder(page, heading).map(([name, severity]) => `${words(name)[0]} ${severity}`),
        alertsOf(service).map(
          ({ alert, labels }) => `${alert.replace('Lakehouse', '')} ${labels.severity}`,
        ),
      );
    });
  });

describe('the alerting rules', () => {
  it('look at every class of failure of a login', () => {
    const asked = alertsOf('refresher')
      .flatMap(({ expr }) => selectionsIn(expr))
      .filter(({ metric }) => metric === 'lakehouse_refresher_failing')
      .map(({ value }) => value);
    assert.deepEqual(asked.sort(), [...FAILURE_CLASSES, 'token_file_not_writable'].sort());
  });

  for (const file of ['prometheus.yml', 'prometheus-swarm.yml'])
    it(`that ${file} loads look at jobs that it scrapes, and at all of them`, async () => {
      const { ruleFiles, jobs } = await readConfiguration(file);
      const loaded = SERVICES.filter((service) => ruleFiles.includes(`${service}.rules.yaml`));
      assert.equal(loaded.length, ruleFiles.length);
      const optional = await readCertificateJobs();
      const asked = new Set(loaded.flatMap(jobsIn));
      assert.deepEqual([...asked].filter((job) => !optional.includes(job)).sort(), jobs.sort());
    });
});

describe('docs/monitoring.md', () => {
  for (const service of SERVICES)
    it(`lists exactly the metrics of the ${service}, with type and labels`, () => {
      const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
      const told = tableUnder(page, `Metrics of the ${service}`).map(
        ([name, type = '', labels]) => ({
          name: words(name)[0] ?? '',
          type,
          labels: words(labels).sort(),
        }),
      );
      const own = [...scrapeOf(service)]
        .filter(([name]) => /^(lakehouse|caddy)_/.test(name))
        .map(([name, { type, labels }]) => ({ name, type, labels: [...labels.keys()].sort() }));
      assert.deepEqual(told.sort(byName), own.sort(byName));
    });
});
