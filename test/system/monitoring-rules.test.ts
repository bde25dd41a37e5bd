/** What docs/monitoring has for Prometheus, in Prometheus' own tool; test/service holds it against the metrics. */
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import {
  expressionsOf,
  FOLDER,
  readDashboard,
  ruleTestsOf,
  SERVICES,
} from '../helpers/monitoring-files.ts';
import { promtool, without } from '../helpers/monitoring-prometheus.ts';

/** A folder that is gone when `use` is over. */
async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'monitoring-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('the configurations for Prometheus', { skip: without('promtool') }, () => {
  for (const [file, loaded] of [
    ['prometheus.yml', 2],
    ['prometheus-swarm.yml', 3],
  ] as const)
    it(`${file} is valid, and so are the ${loaded} files of rules that it loads`, async () => {
      const { stdout } = await promtool('check', 'config', `${FOLDER}${file}`);
      assert.equal(stdout.match(/SUCCESS: [1-9]\d* rules found/g)?.length, loaded);
    });

  it('the one for Swarm stays valid when the job for the certificate is put behind it', async () => {
    await inFolder(async (folder) => {
      for (const file of (await readdir(FOLDER)).filter((name) => name.endsWith('.rules.yaml')))
        await copyFile(`${FOLDER}${file}`, join(folder, file));
      const read = (file: string) => readFile(`${FOLDER}${file}`, 'utf8');
      const both = join(folder, 'prometheus-swarm.yml');
      const text = (await read('prometheus-swarm.yml')) + (await read('certificate.scrape.yaml'));
      await writeFile(both, text);
      await promtool('check', 'config', both);
    });
  });
});

describe('the alerting rules', { skip: without('promtool') }, () => {
  for (const service of SERVICES)
    it(`for the ${service} fire when they should, with exact labels and texts, and are silent when they should`, async () => {
      await promtool('test', 'rules', ruleTestsOf(service));
    });
});

describe('the Grafana dashboard', { skip: without('promtool') }, () => {
  it('has expressions that Prometheus can read, all of them', async () => {
    const rules = expressionsOf(await readDashboard()).map((expr, number) => ({
      record: `panel:${number}`,
      expr,
    }));
    assert.ok(rules.length > 0);
    await inFolder(async (folder) => {
      const file = join(folder, 'panels.yaml');
      await writeFile(file, stringify({ groups: [{ name: 'panels', rules }] }));
      const { stdout } = await promtool('check', 'rules', file);
      assert.match(stdout, new RegExp(`SUCCESS: ${rules.length} rules found`));
    });
  });
});
