/** The Pulumi CLI on throw-away stacks. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { NAMESPACE } from '../config/keys.ts';
import { firstError } from '../engine/pulumi-deployment.ts';
import { readIfThere } from '../stack/stack-files.ts';
import { type Preview, readEvents } from './events.ts';

/** How long the CLI may take to end by itself once it is asked to, in ms. */
const STOP_MS = 10_000;

export interface Cli {
  /** The executable. */
  readonly command: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

export interface PreviewOptions {
  readonly project: string;
  readonly stack: string;
  /** In a folder of its own. */
  readonly configFile: string;
  /** Folders of policy packs. */
  readonly policyPacks: readonly string[];
}

/** Makes a new stack and previews it. What the CLI itself could not do stands in the preview's errors. */
export async function previewStack(cli: Cli, options: PreviewOptions): Promise<Preview> {
  const { project, stack, configFile, policyPacks } = options;
  const folder = dirname(configFile);
  // `stack init` writes into the config beside Pulumi.yaml, so it gets both in this folder.
  await writeFile(join(folder, 'Pulumi.yaml'), stringify({ name: NAMESPACE, runtime: 'nodejs' }));
  const init = ['stack', 'init', stack, '--no-select', '--secrets-provider', 'passphrase'];
  const made = await runPulumi(cli, folder, init);
  if (!made.ok) return { ...readEvents(''), errors: [{ message: firstError(made.said) }] };
  const log = join(folder, 'events.jsonl');
  const done = await runPulumi(cli, project, [
    ...['preview', '--stack', stack, '--config-file', configFile],
    ...['--event-log', log, '--suppress-progress'],
    ...policyPacks.flatMap((pack) => ['--policy-pack', pack]),
  ]);
  const preview = readEvents((await readIfThere(log)) ?? '');
  const isExplained = preview.errors.length + preview.violations.length > 0;
  return done.ok || isExplained
    ? preview
    : { ...preview, errors: [{ message: firstError(done.said) }] };
}

/** Waits for the CLI to be gone, also after an abort: what it still writes must not outlive the folder. */
async function runPulumi({ command, environment, signal }: Cli, cwd: string, words: string[]) {
  signal.throwIfAborted();
  const child = spawn(command, [...words, '--non-interactive', '--color', 'never'], {
    cwd,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  let kill: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill('SIGINT');
    kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  };
  signal.addEventListener('abort', stop);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject).on('close', resolve);
    });
    signal.throwIfAborted();
    return { ok: code === 0, said };
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(kill);
  }
}
