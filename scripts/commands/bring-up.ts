/** Deploys a stack with its present settings and waits until it is ready: what `up` and `rotate` share. */
import Docker from 'dockerode';
import { ensureImages } from '../base-image/ensure.ts';
import { CommandError, EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import type { StackConfig } from '../config/stack-config.ts';
import { chooseDeployment } from '../engine/choose.ts';
import type {
  Deployment,
  EngineKind,
  StackOutput,
  Summary,
  UpResult,
} from '../engine/deployment.ts';
import { dockerAddress } from '../engine/docker-address.ts';
import { type Engine, findEngine } from '../engine/docker-engine.ts';
import { ensureEngine } from '../engine/docker-install.ts';
import { checkEdge } from '../mcp/edge.ts';
import { check } from '../preflight/check.ts';
import { type Access, accessOf, fromHere } from '../session.ts';
import type { ChangeContext } from '../stack/change.ts';
import { platformOf, runningStack } from '../stack/platform.ts';
import type { RunningStack } from '../stack/running.ts';
import { showEvents } from '../terminal/deployment-events.ts';
import type { Display } from '../terminal/tasks.ts';
import { serviceTrouble, updatesOf, waitUntilReady } from './readiness.ts';

export interface BringUpOptions {
  readonly stack: string;
  readonly engine?: EngineKind;
  /** Whether anything may be installed on this machine. */
  readonly install: boolean;
  /** Whether the runner may make a production stack. */
  readonly trial: boolean;
}

/** A stack that is deployed and ready. */
export interface BroughtUp {
  readonly outputs: Readonly<Record<string, StackOutput>>;
  readonly summary: Summary;
  readonly engine: Engine;
  readonly running: RunningStack;
  readonly access: Access;
  /** The same as it is reached from here; `undefined` when it is not. */
  readonly endpoint: Access | undefined;
}

/** @throws CommandError with what stands in the way, or what did not become ready */
export async function bringUp(
  config: StackConfig,
  passphrase: string,
  options: BringUpOptions,
  context: ChangeContext,
): Promise<BroughtUp> {
  const { deployment, docker, engine } = await prepare(config, passphrase, options, context);
  const running = runningStack(docker, options.stack, platformOf(config));
  const before = await updatesOf(running);
  const { outputs, summary } = await deploy(deployment, options.trial, context).catch(
    async (error: unknown) => {
      throw await explained(error, running);
    },
  );
  const access = accessOf(outputs, config.files);
  const endpoint = await fromHere(access, running, engine.address);
  // A URL of the user's own leads through a reverse proxy that is the user's to set up.
  const foreign = config.has('publicUrl');
  await waitUntilReady({ running, before, endpoint: foreign ? undefined : endpoint, ...context });
  const reached = endpoint && (!foreign || (await leadsHere(endpoint, context.display)));
  return {
    ...{ outputs, summary, engine, running, access },
    endpoint: reached ? endpoint : undefined,
  };
}

/** Whether a public URL of the user's own leads to this stack yet; says so when not. */
async function leadsHere(endpoint: Access, display: Display): Promise<boolean> {
  const { problem, url } = await checkEdge(endpoint);
  if (problem === null) return true;
  display.warn(
    `publicUrl does not lead to the stack yet, seen from here: ${url}: ${problem}. Nothing was asked through it.`,
  );
  return false;
}

/** Everything that must be there before a deployment: engine, room, engine of deployment, images, config file. */
async function prepare(
  config: StackConfig,
  passphrase: string,
  options: BringUpOptions,
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
  checkTrial(deployment, config, options.trial);
  await ensureImages({ config, engine, install, ...context });
  if (deployment.kind === 'pulumi') await config.ensureSalt();
  await config.save();
  signal.throwIfAborted();
  return { deployment, docker, engine };
}

/** Production is the Pulumi CLI's; the runner makes it to try it out, when that is said. */
function checkTrial({ kind }: Deployment, config: StackConfig, trial: boolean): void {
  const { stack } = config.files;
  const production = platformOf(config) === 'swarm';
  if (production && kind === 'local' && !trial)
    throw new CommandError(
      `The stack "${stack}" is a production stack, which the runner in local/ makes only as a trial.`,
      {
        exitCode: EXIT.usage,
        advice: [
          `Try it out: ${commandFor(stack, 'up', '--engine local --trial')}`,
          'For production use the Pulumi CLI: https://www.pulumi.com/docs/install/',
        ],
      },
    );
  if (trial && !(production && kind === 'local'))
    throw new CommandError(
      `--trial is for a production stack made by the runner; "${stack}" is ${production ? 'made by the Pulumi CLI' : 'no production stack'}.`,
      { exitCode: EXIT.usage, advice: [`Leave it out: ${commandFor(stack, 'up')}`] },
    );
}

async function deploy(
  deployment: Deployment,
  trial: boolean,
  { display, signal }: ChangeContext,
): Promise<UpResult> {
  const task = display.task('Deployment');
  try {
    const result = await deployment.up({ onEvent: showEvents(display), signal, trial });
    task.done(summaryText(result.summary));
    signal.throwIfAborted();
    return result;
  } catch (error) {
    task.failed();
    throw error;
  }
}

/** Adds what a Swarm made of a deployment that failed: what was rolled back, and why tasks do not run. */
async function explained(error: unknown, running: RunningStack): Promise<unknown> {
  if (!(error instanceof CommandError)) return error;
  const { swarm } = await running.look().catch(() => ({ swarm: null }));
  const lines = (swarm?.services ?? []).flatMap(serviceTrouble);
  if (lines.length === 0) return error;
  return new CommandError(error.message, {
    exitCode: error.exitCode,
    advice: [...lines, `See more: ${commandFor(running.stack, 'status')}`, ...error.advice],
    cause: error,
  });
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
