import Docker from 'dockerode';
import { ensureBaseImage } from '../base-image/ensure.ts';
import { commandFor } from '../command-words.ts';
import { type Changes, parseChanges } from '../config/arguments.ts';
import { readPassphrase } from '../config/passphrase.ts';
import { StackConfig } from '../config/stack-config.ts';
import { chooseDeployment } from '../engine/choose.ts';
import type { Deployment, EngineKind, Summary, UpResult } from '../engine/deployment.ts';
import { dockerAddress, isRemote } from '../engine/docker-address.ts';
import { findEngine } from '../engine/docker-engine.ts';
import { ensureEngine } from '../engine/docker-install.ts';
import { check } from '../preflight/check.ts';
import { accessOf } from '../session.ts';
import { type ChangeContext, changeStack } from '../stack/change.ts';
import { stackFiles } from '../stack/stack-files.ts';
import { showEvents } from '../terminal/deployment-events.ts';
import { readSecrets } from '../terminal/prompt.ts';
import type { Display } from '../terminal/tasks.ts';
import { waitUntilReady } from './readiness.ts';
import { resultLines } from './up-result.ts';

export interface UpOptions {
  readonly stack: string;
  readonly set?: readonly string[];
  readonly setSecret?: readonly string[];
  readonly unset?: readonly string[];
  readonly engine?: EngineKind;
  /** False with `--no-install`. */
  readonly install: boolean;
  readonly json: boolean;
}

/** Makes the stack what its settings say, from whatever is there, and proves that it works. */
export async function up(project: string, options: UpOptions): Promise<void> {
  const started = performance.now();
  const { stack } = options;
  const files = stackFiles(project, stack);
  const changes = parseChanges(options);
  let secrets: ReadonlyMap<string, string> = new Map();
  const change = {
    command: 'up',
    json: options.json,
    whenInterrupted: [
      `Go on where it stopped: ${commandFor(stack, 'up')}`,
      `Or remove what was made: ${commandFor(stack, 'down')}`,
    ],
    ask: async () => {
      secrets = await readSecrets(changes.secrets);
    },
  } as const;
  await changeStack(files, change, async (context) => {
    const { display, signal } = context;
    const passphrase = (await readPassphrase(files, process.env, { make: true })) ?? '';
    const config = await StackConfig.read(files, passphrase);
    await applyChanges(config, changes, secrets, display);
    const { deployment, docker, engine } = await prepare(config, passphrase, options, context);

    const { outputs, summary } = await deploy(deployment, context);
    await waitUntilReady({ docker, stack, display, signal });
    const { url, key } = accessOf(outputs, files);
    const remote = isRemote(engine.address) ? engine.address.url : undefined;
    // The MCP SDK takes a while to load: only here, where it is needed.
    const { prove } = await import('./prove.ts');
    const demo = config.get('demo') === 'true';
    const proof =
      remote === undefined ? await prove({ url, key, demo, display, signal }) : undefined;

    const durationMs = Math.round(performance.now() - started);
    display.json({ kind: 'result', ok: true, stack, mcpUrl: url, summary, proof, durationMs });
    display.text(resultLines({ stack, url, durationMs, remote }));
  });
}

/** Everything that must be there before a deployment: engine, room, engine of deployment, base image, config file. */
async function prepare(
  config: StackConfig,
  passphrase: string,
  options: UpOptions,
  context: ChangeContext,
) {
  const { display, signal } = context;
  const { install } = options;
  const address = dockerAddress(config.get('docker:host'), process.env);
  const engine = await ensureEngine(await findEngine(address), { install, ...context });
  const docker = new Docker(engine.options);
  const found = `${engine.version} (${engine.platform}) at ${engine.address.url}`;
  display.task('Docker engine').same(found);
  await check({ config, docker, engine, display });
  const deployment = await chooseDeployment({
    files: config.files,
    passphrase,
    docker: engine.options,
    ...(options.engine === undefined ? {} : { wanted: options.engine }),
    ...context,
  });
  await ensureBaseImage({ config, engine, install, ...context });
  if (deployment.kind === 'pulumi') await config.ensureSalt();
  await config.save();
  signal.throwIfAborted();
  return { deployment, docker, engine };
}

async function deploy(
  deployment: Deployment,
  { display, signal }: ChangeContext,
): Promise<UpResult> {
  const task = display.task('Deployment');
  try {
    const result = await deployment.up({ onEvent: showEvents(display), signal });
    task.done(summaryText(result.summary));
    signal.throwIfAborted();
    return result;
  } catch (error) {
    task.failed();
    throw error;
  }
}

/** Keeps what the command line and DREMIO_PASSWORD say, whatever becomes of the rest of the run. */
async function applyChanges(
  config: StackConfig,
  changes: Changes,
  secrets: ReadonlyMap<string, string>,
  display: Display,
): Promise<void> {
  await config.change(changes, secrets);
  const password = process.env.DREMIO_PASSWORD;
  const wanted = password !== undefined && password !== '' && config.has('dremioUrl');
  if (wanted && (await config.getSecret('dremioPassword')) !== password) {
    await config.setSecret('dremioPassword', password);
    display.note(
      'The password in DREMIO_PASSWORD is now the secret setting dremioPassword of this stack, encrypted.',
    );
  }
  await config.save();
}

export function summaryText(summary: Summary): string {
  const words = (['create', 'update', 'replace', 'delete'] as const)
    .map((operation) => [summary[operation], PAST[operation]] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`);
  const changed = words.length > 0 ? words.join(', ') : 'nothing to change';
  return `${changed}${summary.same > 0 ? `, ${summary.same} unchanged` : ''}`;
}

const PAST = { create: 'created', update: 'updated', replace: 'replaced', delete: 'deleted' };
