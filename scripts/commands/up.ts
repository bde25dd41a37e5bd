import Docker from 'dockerode';
import { ensureBaseImage } from '../base-image/ensure.ts';
import { CommandError, EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { type Changes, parseChanges } from '../config/arguments.ts';
import { readPassphrase } from '../config/passphrase.ts';
import { StackConfig } from '../config/stack-config.ts';
import { chooseDeployment } from '../engine/choose.ts';
import type { EngineKind, Summary, UpResult } from '../engine/deployment.ts';
import { dockerAddress, isRemote } from '../engine/docker-address.ts';
import { findEngine } from '../engine/docker-engine.ts';
import { ensureEngine } from '../engine/docker-install.ts';
import { watchInterruption } from '../interruption.ts';
import { check } from '../preflight/check.ts';
import { accessOf } from '../session.ts';
import { lockStack } from '../stack/lock.ts';
import { stackFiles } from '../stack/stack-files.ts';
import { showEvents } from '../terminal/deployment-events.ts';
import { openDisplay } from '../terminal/display.ts';
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
  const files = stackFiles(project, options.stack);
  const changes = parseChanges(options);
  const unlock = await lockStack(files, commandFor(options.stack, 'up'));
  try {
    const secrets = await readSecrets(changes.secrets);
    const display = openDisplay(options);
    const interruption = watchInterruption(() =>
      display.warn(
        'Interrupted: what is under way finishes first. Press Ctrl-C again to end at once.',
      ),
    );
    const { signal } = interruption;
    try {
      const passphrase = (await readPassphrase(files, process.env, { make: true })) ?? '';
      const config = await StackConfig.read(files, passphrase);
      await applyChanges(config, changes, secrets, display);
      await config.save();

      const address = dockerAddress(config.get('docker:host'), process.env);
      const engine = await ensureEngine(await findEngine(address), { ...options, display, signal });
      const docker = new Docker(engine.options);
      display
        .task('Docker engine')
        .same(`${engine.version} (${engine.platform}) at ${engine.address.url}`);
      await check({ config, docker, engine, display });
      const deployment = await chooseDeployment({
        files,
        passphrase,
        docker: engine.options,
        ...(options.engine === undefined ? {} : { wanted: options.engine }),
        display,
        signal,
      });
      await ensureBaseImage({ config, engine, install: options.install, display, signal });
      if (deployment.kind === 'pulumi') await config.ensureSalt();
      await config.save();
      signal.throwIfAborted();

      const task = display.task('Deployment');
      let result: UpResult;
      try {
        result = await deployment.up({ onEvent: showEvents(display), signal });
      } catch (error) {
        task.failed();
        throw error;
      }
      const { outputs, summary } = result;
      task.done(summaryText(summary));
      signal.throwIfAborted();
      await waitUntilReady({ docker, stack: options.stack, display, signal });
      const { url, key } = accessOf(outputs, files);
      const remote = isRemote(engine.address);
      // The MCP SDK takes a while to load: only here, where it is needed.
      const { prove } = await import('./prove.ts');
      const proof = remote
        ? undefined
        : await prove({ url, key, demo: config.get('demo') === 'true', display, signal });
      const durationMs = Math.round(performance.now() - started);
      display.json({
        kind: 'result',
        ok: true,
        stack: options.stack,
        mcpUrl: url,
        summary,
        proof,
        durationMs,
      });
      display.text(
        resultLines({
          stack: options.stack,
          url,
          durationMs,
          remote: remote ? engine.address.url : undefined,
        }),
      );
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new CommandError('Interrupted. What was made so far is kept.', {
        exitCode: EXIT.interrupted,
        advice: [
          `Go on where it stopped: ${commandFor(options.stack, 'up')}`,
          `Or remove what was made: ${commandFor(options.stack, 'down')}`,
        ],
        cause: error,
      });
    } finally {
      interruption.stop();
      display.close();
    }
  } finally {
    await unlock();
  }
}

async function applyChanges(
  config: StackConfig,
  changes: Changes,
  secrets: ReadonlyMap<string, string>,
  display: Display,
): Promise<void> {
  await config.change(changes, secrets);
  const fromEnvironment = process.env.DREMIO_PASSWORD;
  if (!fromEnvironment || !config.has('dremioUrl')) return;
  if ((await config.getSecret('dremioPassword')) === fromEnvironment) return;
  await config.setSecret('dremioPassword', fromEnvironment);
  display.note(
    'The password in DREMIO_PASSWORD is now the secret setting dremioPassword of this stack, encrypted.',
  );
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
