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
import { managerProblem, type SwarmInfo } from '../preflight/swarm.ts';
import { type ChangeContext, changeStack } from '../stack/change.ts';
import {
  countOf,
  findLeftovers,
  type Leftovers,
  NOTHING,
  removeLeftovers,
  tasksGone,
  withoutData,
} from '../stack/leftovers.ts';
import { platformOf, runningStack } from '../stack/platform.ts';
import { type StackFiles, stackFiles } from '../stack/stack-files.ts';
import { showEvents } from '../terminal/deployment-events.ts';
import { askYes } from '../terminal/prompt.ts';
import { summaryText } from './bring-up.ts';

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
      if (deleteData && !options.yes) await confirm(files, json);
    },
  } as const;
  await changeStack(files, change, async (context) => {
    const { display } = context;
    const passphrase = (await readPassphrase(files, process.env, { make: true })) ?? '';
    const config = await StackConfig.read(files, passphrase);
    const address = dockerAddress(config.get('docker:host'), process.env);
    const engine = requireEngine(await findEngine(address));
    const docker = new Docker(engine.options);
    const elsewhere = await otherNodes(docker, config);
    const deployment = await openDeployment({
      files,
      passphrase,
      docker: engine.options,
      ...context,
    });
    if (deployment !== undefined) await requireManager(docker, config);
    const summary = deployment && (await destroy(deployment, config, docker, deleteData, context));
    // What a stack without its state has left, or what was made beside it, has our labels. Data is kept with a state.
    const removed = await sweep(docker, stack, deleteData || deployment === undefined, context);
    const kept = (await findLeftovers(docker, stack)).volumes;
    const deployed = deployment !== undefined || removed > 0;
    display.json({ kind: 'result', ok: true, stack, summary, kept });
    display.text(endLines({ files, deployed, kept, deleteData, elsewhere }));
    if (deleteData || !known) await rm(files.folder, { recursive: true, force: true });
  });
}

/** Services and secrets are a manager's to remove; without one they would be taken for gone, or `down` end in the middle. */
async function requireManager(docker: Docker, config: StackConfig): Promise<void> {
  if (platformOf(config) !== 'swarm') return;
  const { Swarm: swarm = {}, Name: name } = (await docker.info()) as {
    Swarm?: SwarmInfo;
    Name: string;
  };
  const problem = managerProblem(swarm, name);
  if (problem !== undefined) throw problem;
}

/** Host names of nodes besides this one that carried tasks: volumes there are out of the engine's reach. */
async function otherNodes(docker: Docker, config: StackConfig): Promise<string[]> {
  const { instances } = await runningStack(docker, config.files.stack, platformOf(config)).look();
  const names = instances.flatMap(({ container, node }) =>
    container === null && node !== null ? [node] : [],
  );
  return [...new Set(names)];
}

/** Removes what has the stack's labels and is still there. @returns how much that was */
async function sweep(
  docker: Docker,
  stack: string,
  dataToo: boolean,
  { display }: ChangeContext,
): Promise<number> {
  const task = display.task('Leftovers');
  const progress = (text: string) => task.progress(text);
  const narrowed = (left: Leftovers) => (dataToo ? left : withoutData(left, stack));
  const before = narrowed(await findLeftovers(docker, stack));
  await removeLeftovers(docker, { ...NOTHING, services: before.services }, progress);
  await tasksGone(docker, stack, progress);
  const rest = narrowed(await findLeftovers(docker, stack));
  await removeLeftovers(docker, rest, progress);
  const count = before.services.length + countOf(rest);
  if (count === 0) task.same('none');
  else task.done(`${count} removed`);
  return count;
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
      const { stack } = config.files;
      const { containers, services } = await findLeftovers(docker, stack);
      if (signal.aborted || containers.length + services.length === 0) throw error;
      await removeLeftovers(docker, { ...NOTHING, services });
      await tasksGone(docker, stack, (text) => task.progress(text));
      await removeLeftovers(docker, { ...NOTHING, containers });
      return attempt();
    });
    task.done(summaryText(summary));
    return summary;
  } catch (error) {
    task.failed();
    throw error;
  }
}

/** Asks before data is deleted; where nobody can be asked, production data needs `--yes`. */
async function confirm({ stack, folder, project }: StackFiles, json: boolean): Promise<void> {
  const files = stackFiles(project, stack);
  if (json || !process.stdin.isTTY) {
    if (platformOf(await StackConfig.read(files, '')) !== 'swarm') return;
    throw new CommandError(
      `"${stack}" is a production stack: its data is not deleted without being asked for twice.`,
      {
        exitCode: EXIT.usage,
        advice: [`If it is to go: ${commandFor(stack, 'down', '--delete-data --yes')}`],
      },
    );
  }
  process.stderr.write(
    `This removes the stack "${stack}" with its volumes, and ${folder} with its settings, secrets and state.\n`,
  );
  if (!(await askYes('Delete all of it?')))
    throw new CommandError('Nothing was deleted.', { exitCode: EXIT.interrupted });
}

function endLines(result: {
  files: StackFiles;
  deployed: boolean;
  kept: readonly string[];
  deleteData: boolean;
  elsewhere: readonly string[];
}): string[] {
  const { files, deployed, kept, deleteData, elsewhere } = result;
  const { stack } = files;
  if (!deployed && !deleteData) return [`  Nothing of the stack "${stack}" is on the engine.`];
  const others =
    elsewhere.length === 0
      ? []
      : [
          `  On other nodes (${elsewhere.join(', ')}) volumes of it may be left; on each: docker volume ls --filter name=lakehouse-${stack}-`,
        ];
  if (deleteData)
    return [
      '',
      `  The stack "${stack}" is gone: no container, network, volume or setting of it is left.`,
      ...others,
      '  Its images stay on the engine; remove what nothing uses with: docker image prune',
      '',
    ];
  return [
    '',
    `  The stack "${stack}" is down. Its settings and keys stay in .lakehouse/${stack}` +
      `${kept.length > 0 ? `, its data in ${kept.join(', ')}` : ''}.`,
    ...others,
    `  Bring it back: ${commandFor(stack, 'up')}`,
    `  Remove them too: ${commandFor(stack, 'down', '--delete-data')}`,
    '',
  ];
}
