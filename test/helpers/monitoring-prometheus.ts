/** Prometheus and its tool, where they are installed (Debian's package prometheus). */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { eventually, freePort } from './stack.ts';

/** False, or why tests that need this program are skipped. */
export const without = (program: 'promtool' | 'prometheus'): string | false =>
  spawnSync(program, ['--version']).error === undefined
    ? false
    : `SKIPPED: ${program} (Debian’s package prometheus) is not installed, so no alert was tried`;

/** @throws Error with everything that promtool said, when it finds something wrong */
export const promtool = (...words: string[]) =>
  promisify(execFile)('promtool', words).catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`promtool ${words.join(' ')}:\n${error.stdout}${error.stderr}`);
  });

export interface Target {
  readonly job: string;
  readonly port: number;
}

export interface Prometheus {
  /** What the HTTP API says under /api/v1. */
  ask(path: string): Promise<unknown>;
  stop(): Promise<void>;
}

/** A Prometheus that scrapes these ports of this machine every second, with these files of rules. */
export async function startPrometheus(
  targets: readonly Target[],
  ruleFiles: readonly string[],
): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
  const config = join(folder, 'prometheus.yml');
  const configuration = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ruleFiles,
    scrape_configs: targets.map(({ job, port }) => ({
      job_name: job,
      static_configs: [
        {
          targets: [`127.0.0.1:${port}`],
          labels: { stack: 'test', component: job.replace('lakehouse-', '') },
        },
      ],
    })),
  };
  await writeFile(config, stringify(configuration));
  const port = await freePort();
  const child = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = once(child, 'exit');
  const address = `http://127.0.0.1:${port}`;
  const stop = async () => {
    await end(child, ended);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually('Prometheus answers', async () => {
      if (child.exitCode !== null) throw new Error(`Prometheus ended:\n${errors}`);
      return (await fetch(`${address}/-/ready`)).ok;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ask: async (path) => {
      const response = await fetch(`${address}/api/v1/${path}`);
      const { status, data, error } = (await response.json()) as Record<string, unknown>;
      if (status !== 'success') throw new Error(`${path}: ${error}`);
      return data;
    },
    stop,
  };
}

async function end(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await ended;
}
