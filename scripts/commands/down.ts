import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import Docker from 'dockerode';
import { CommandError, EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { readPassphrase } from '../config/passphrase.ts';
import { StackConfig } from '../config/stack-config.ts';
import { openDeployment } from '../engine/choose.ts';
import { dockerAddress } from '../engine/docker-address.ts';
import { findEngine, requireEngine } from '../engine/docker-engine.ts';
import { watchInterruption } from '../interruption.ts';
import { findLeftovers, type Leftovers, removeLeftovers } from '../stack/leftovers.ts';
import { lockStack } from '../stack/lock.ts';
import { type StackFiles, stackFiles } from '../stack/stack-files.ts';
import { showEvents } from '../terminal/deployment-events.ts';
import { openDisplay } from '../terminal/display.ts';
import { askYes } from '../terminal/prompt.ts';
import { summaryText } from './up.ts';

export interface DownOptions {
  readonly stack: string;
  readonly deleteData: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** Removes a stack from the engine; with `deleteData` its volumes, settings, keys and state too. */
export async function down(project: string, options: DownOptions): Promise<void> {
  const files = stackFiles(project, options.stack);
  if (options.deleteData && !options.yes && process.stdin.isTTY && !options.json)
    await confirm(files);
  const known = existsSync(files.folder);
  const unlock = await lockStack(files, commandFor(options.stack, 'down'));
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
    const address = dockerAddress(config.get('docker:host'), process.env);
    const engine = requireEngine(await findEngine(address));
    const docker = new Docker(engine.options);
    const deployment = await openDeployment({
      files,
      passphrase,
      docker: engine.options,
      display,
      signal,
    });
    let summary: Awaited<ReturnType<NonNullable<typeof deployment>['destroy']>> | undefined;
    if (deployment !== undefined) {
      if (deployment.kind === 'pulumi') await config.ensureSalt();
      await config.save();
      const task = display.task('Removal');
      try {
        const { deleteData } = options;
        summary = await deployment.destroy({ onEvent: showEvents(display), signal, deleteData });
      } catch (error) {
        task.failed();
        throw error;
      }
      task.done(summaryText(summary));
    }
    // What a stack without its state has left, or what was made beside it, has our labels.
    const left = await findLeftovers(docker, options.stack);
    const sweep = options.deleteData ? left : { ...left, volumes: deployment ? [] : left.volumes };
    if (countOf(sweep) > 0) {
      const task = display.task('Leftovers');
      await removeLeftovers(docker, sweep);
      task.done(`${countOf(sweep)} removed`);
    }
    const kept = options.deleteData ? [] : (await findLeftovers(docker, options.stack)).volumes;
    display.json({ kind: 'result', ok: true, stack: options.stack, summary, kept });
    display.text(
      endLines({
        files,
        deployed: deployment !== undefined || countOf(sweep) > 0,
        kept,
        deleteData: options.deleteData,
      }),
    );
    if (options.deleteData || !known) await rm(files.folder, { recursive: true, force: true });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CommandError('Interrupted. What is left is still known.', {
      exitCode: EXIT.interrupted,
      advice: [`Remove the rest: ${commandFor(options.stack, 'down')}`],
      cause: error,
    });
  } finally {
    interruption.stop();
    display.close();
    await unlock();
  }
}

async function confirm({ stack, folder }: StackFiles): Promise<void> {
  process.stderr.write(
    `This removes the stack "${stack}" with its volumes, and ${folder} with its settings, secrets and state.\n`,
  );
  if (!(await askYes('Delete all of it?')))
    throw new CommandError('Nothing was deleted.', { exitCode: EXIT.interrupted });
}

const countOf = (left: Leftovers) =>
  left.containers.length + left.networks.length + left.volumes.length;

function endLines(result: {
  files: StackFiles;
  deployed: boolean;
  kept: readonly string[];
  deleteData: boolean;
}): string[] {
  const { files, deployed, kept, deleteData } = result;
  const { stack } = files;
  if (!deployed && !deleteData) return [`  Nothing of the stack "${stack}" is on the engine.`];
  if (deleteData)
    return [
      '',
      `  The stack "${stack}" is gone: no container, network, volume or setting of it is left.`,
      '  Its images stay on the engine; remove what nothing uses with: docker image prune',
      '',
    ];
  return [
    '',
    `  The stack "${stack}" is down. Its settings and keys stay in .lakehouse/${stack}` +
      `${kept.length > 0 ? `, its data in ${kept.join(', ')}` : ''}.`,
    `  Bring it back: ${commandFor(stack, 'up')}`,
    `  Remove them too: ${commandFor(stack, 'down', '--delete-data')}`,
    '',
  ];
}
