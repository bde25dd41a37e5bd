/** The files of docs/monitoring and the page about them. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { repository } from './lakehouse-command.ts';

export const FOLDER = `${repository}docs/monitoring/`;
/** The services that have rules of their own. */
export const SERVICES = ['refresher', 'proxy', 'edge'] as const;
export type Service = (typeof SERVICES)[number];

export const rulesOf = (service: Service) => `${FOLDER}${service}.rules.yaml`;
export const ruleTestsOf = (service: Service) => `${FOLDER}${service}.rules.test.yaml`;

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
export interface Recording {
  readonly record: string;
}
export interface RuleCase {
  readonly alertname: string;
  readonly exp_alerts: readonly unknown[];
}

const yamlOf = async (path: string): Promise<unknown> => parse(await readFile(path, 'utf8'));

export async function readRules(service: Service) {
  const { groups } = (await yamlOf(rulesOf(service))) as {
    groups: { rules: (Alert | Recording)[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  return {
    alerts: rules.filter((rule): rule is Alert => 'alert' in rule),
    recorded: rules.flatMap((rule) => ('record' in rule ? [rule.record] : [])),
  };
}

/** Every case of the rules' own tests. */
export async function readRuleCases(service: Service): Promise<RuleCase[]> {
  const { tests } = (await yamlOf(ruleTestsOf(service))) as {
    tests: { alert_rule_test?: RuleCase[] }[];
  };
  return tests.flatMap(({ alert_rule_test = [] }) => alert_rule_test);
}

export interface ScrapeJob {
  readonly job_name: string;
}

/** A Prometheus configuration: the files of rules that it loads, and its jobs. */
export async function readConfiguration(file: string) {
  const { rule_files, scrape_configs } = (await yamlOf(`${FOLDER}${file}`)) as {
    rule_files: string[];
    scrape_configs: ScrapeJob[];
  };
  return { ruleFiles: rule_files, jobs: scrape_configs.map(({ job_name }) => job_name) };
}

export async function readCertificateJobs(): Promise<string[]> {
  const jobs = (await yamlOf(`${FOLDER}certificate.scrape.yaml`)) as ScrapeJob[];
  return jobs.map(({ job_name }) => job_name);
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly datasource: { readonly type: string; readonly uid: string };
  }[];
}
export interface Dashboard {
  readonly title: string;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { name: string; type: string; query: unknown }[] };
  readonly panels: readonly Panel[];
}

export const readDashboard = async (): Promise<Dashboard> =>
  JSON.parse(await readFile(`${FOLDER}grafana-dashboard.json`, 'utf8')) as Dashboard;

/** The dashboard's expressions as Prometheus gets them, with its variables filled in. */
export const expressionsOf = ({ panels }: Dashboard): string[] =>
  panels
    .flatMap(({ targets = [] }) => targets)
    .map(({ expr }) => expr.replaceAll('$__rate_interval', '2m').replaceAll('$stack', 'dev'));

/** The rows of the table under a heading, cell by cell, without the head. */
export function tableUnder(page: string, heading: string): string[][] {
  const [, section] = page.split(new RegExp(`^##+ ${heading}$`, 'm'));
  if (section === undefined) throw new Error(`no heading "${heading}"`);
  const rows = (section.split(/^##+ /m)[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

/** What stands in backticks. */
export const words = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word ?? '');

/** The anchors of a page's headings. */
export const anchorsOf = (text: string) =>
  [...text.matchAll(/^##+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
