import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import Docker from 'dockerode';
import { CommandError, EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { readPassphrase } from '../config/passphrase.ts';
import { StackConfig } from '../config/stack-config.ts';
import { openDeployment } from '../engine/choose.ts';
import type { Deployment, Summary } from '../engine/deployment.ts';
import { dockerAddress } from '../engine/docker-address.ts';
import { findEngine, requireEngine } from '../engine/docker-engine.ts';
import { type ChangeContext, changeStack } from '../stack/change.ts';
import { findLeftovers, type Leftovers, removeLeftovers } from '../stack/leftovers.ts';
import { type StackFiles, stackFiles } from '../stack/stack-files.ts';
import { showEvents } from '../terminal/deployment-events.ts';
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
  const { stack, deleteData, json } = options;
  const files = stackFiles(project, stack);
  const known = existsSync(files.folder);
  const change = {
    command: 'down',
    json,
    whenInterrupted: [`Remove the rest: ${commandFor(stack, 'down')}`],
    ask: async () => {
      if (deleteData && !options.yes && !json && process.stdin.isTTY) await confirm(files);
    },
  } as const;
  await changeStack(files, change, async (context) => {
    const { display } = context;
    const passphrase = (await readPassphrase(files, process.env, { make: true })) ?? '';
    const config = await StackConfig.read(files, passphrase);
    const address = dockerAddress(config.get('docker:host'), process.env);
    const engine = requireEngine(await findEngine(address));
    const docker = new Docker(engine.options);
    const deployment = await openDeployment({
      files,
      passphrase,
      docker: engine.options,
      ...context,
    });
    const summary = deployment && (await destroy(deployment, config, docker, deleteData, context));
    // What a stack without its state has left, or what was made beside it, has our labels. Data is kept with a state.
    const left = await findLeftovers(docker, stack);
    const sweep = deleteData || deployment === undefined ? left : { ...left, volumes: [] };
    if (countOf(sweep) > 0) {
      const task = display.task('Leftovers');
      await removeLeftovers(docker, sweep);
      task.done(`${countOf(sweep)} removed`);
    }
    const kept = (await findLeftovers(docker, stack)).volumes;
    const deployed = deployment !== undefined || countOf(sweep) > 0;
    display.json({ kind: 'result', ok: true, stack, summary, kept });
    display.text(endLines({ files, deployed, kept, deleteData }));
    if (deleteData || !known) await rm(files.folder, { recursive: true, force: true });
  });
}

/** Has the engine of deployment remove what it made; once more without the containers when those are in the way. */
async function destroy(
  deployment: Deployment,
  config: StackConfig,
  docker: Docker,
  deleteData: boolean,
  { display, signal }: ChangeContext,
): Promise<Summary> {
  if (deployment.kind === 'pulumi') await config.ensureSalt();
  await config.save();
  const task = display.task('Removal');
  const attempt = () => deployment.destroy({ onEvent: showEvents(display), signal, deleteData });
  try {
    const summary = await attempt().catch(async (error: unknown) => {
      const { containers } = await findLeftovers(docker, config.files.stack);
      if (signal.aborted || containers.length === 0) throw error;
      await removeLeftovers(docker, { containers, networks: [], volumes: [] });
      return attempt();
    });
    task.done(summaryText(summary));
    return summary;
  } catch (error) {
    task.failed();
    throw error;
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
