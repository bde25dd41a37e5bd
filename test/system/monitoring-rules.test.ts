/** The alerting rules for the refresher in Prometheus' own tool; test/service holds them against the metrics. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { repository } from '../helpers/lakehouse-command.ts';

const FOLDER = `${repository}docs/monitoring/`;

const noPromtool =
  spawnSync('promtool', ['--version']).error === undefined
    ? false
    : 'SKIPPED: promtool (Debian’s package prometheus) is not installed, so no alert was tried';

const promtool = (...words: string[]) =>
  promisify(execFile)('promtool', words).catch((error: { stdout: string; stderr: string }) =>
    assert.fail(`promtool ${words.join(' ')}:\n${error.stdout}${error.stderr}`),
  );

describe('the alerting rules for the refresher', { skip: noPromtool }, () => {
  it('are valid, and so is the example configuration that loads them', async () => {
    const { stdout } = await promtool('check', 'config', `${FOLDER}prometheus.yml`);
    assert.match(stdout, /SUCCESS: [1-9]\d* rules found/);
  });

  it('fire when they should, with exact labels and texts, and are silent when they should', async () => {
    await promtool('test', 'rules', `${FOLDER}refresher.rules.test.yaml`);
  });
});
