import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  CommandError as CliError,
  ConcurrentUpdateError,
  LocalWorkspace,
  type OutputMap,
  type PulumiCommand,
  type EngineEvent as PulumiEvent,
  Stack,
  StackNotFoundError,
} from '@pulumi/pulumi/automation/index.js';
import Docker from 'dockerode';
import { stringify } from 'yaml';
import { claimStack, releaseStack } from '../../local/index.ts';
import { CommandError, EXIT, messageOf } from '../command-error.ts';
import { parseMapping } from '../config/overrides.ts';
import { run } from '../process.ts';
import type { StackFiles } from '../stack/stack-files.ts';
import type { Deployment, EngineEvent, StackOutput } from './deployment.ts';
import { failedDeployment } from './failed-deployment.ts';
import { followPulumi, type PulumiRun, summaryOf } from './pulumi-events.ts';
import { dropStaleLocks } from './pulumi-locks.ts';
import { followPlan } from './pulumi-plan.ts';
import { giveUpProtection } from './pulumi-protection.ts';
import { repairAfterKill } from './pulumi-repair.ts';

/** The stack as the Pulumi CLI deploys it, driven through the Automation API. */
export function pulumiDeployment(
  files: StackFiles,
  pulumi: PulumiCommand,
  docker: Docker.DockerOptions,
): Deployment {
  const variables = pulumiEnvironment(files, process.env);
  const quiet = {
    configFile: files.config,
    // What is gone from the engine is made anew: without a look at it the CLI takes its state for the truth.
    refresh: true,
    suppressProgress: true,
    suppressOutputs: true,
    // Otherwise the history is read with secrets, which makes the CLI write a salt into the config that is in git.
    showSecrets: false,
  };
  const policyPacks = [join(files.project, 'policy')].filter(existsSync);
  let opened: Promise<Stack> | undefined;
  const stack = () => {
    opened ??= openStack(files, pulumi, variables);
    return opened;
  };
  const wholeStack = async (emit: (event: EngineEvent) => void) => {
    const selected = await stack();
    const removed = await repairAfterKill(selected, new Docker(docker), files.stack);
    if (removed.length > 0)
      emit({
        kind: 'message',
        severity: 'warning',
        message: `An earlier run was killed; what it left half-made was removed: ${removed.join(', ')}.`,
      });
    return selected;
  };
  return {
    kind: 'pulumi',
    up: ({ onEvent, signal }) => {
      const followed = followPulumi(onEvent);
      return translated({ signal, followed }, async () => {
        const started = performance.now();
        await claimStack(files.folder, 'pulumi');
        const selected = await wholeStack(onEvent);
        const { onEvent: onPulumiEvent } = followed;
        const result = await selected.up({ ...quiet, policyPacks, onEvent: onPulumiEvent, signal });
        const summary = summaryOf(
          result.summary.resourceChanges ?? {},
          performance.now() - started,
        );
        return { outputs: plainOutputs(result.outputs), summary };
      });
    },
    preview: ({ onEvent, signal }) => {
      const followed = followPulumi((event) => {
        if (event.kind === 'message') onEvent(event);
      });
      const planned = followPlan();
      return translated({ signal, followed }, async () => {
        const started = performance.now();
        const selected = await stack();
        const onPulumiEvent = (event: PulumiEvent) => {
          followed.onEvent(event);
          planned.onEvent(event, (message) =>
            onEvent({ kind: 'message', severity: 'warning', message }),
          );
        };
        try {
          const { configFile, refresh, suppressProgress } = quiet;
          const { changeSummary } = await selected.preview({
            ...{ configFile, refresh, suppressProgress, policyPacks, signal },
            onEvent: onPulumiEvent,
          });
          return planned.result(summaryOf(changeSummary, performance.now() - started));
        } catch (error) {
          // A broken rule ends the CLI with an error; here it is part of the answer.
          if (!(error instanceof CliError) || planned.violations.length === 0) throw error;
          return planned.result(summaryOf({}, performance.now() - started));
        }
      });
    },
    destroy: ({ onEvent, signal, deleteData }) => {
      const followed = followPulumi(onEvent);
      return translated({ signal, followed }, async () => {
        const started = performance.now();
        const selected = await wholeStack(onEvent);
        if (deleteData) await giveUpProtection(selected, onEvent);
        const result = await selected.destroy({
          ...quiet,
          onEvent: followed.onEvent,
          signal,
          ...(deleteData ? {} : { excludeProtected: true }),
        });
        const { deployment } = await selected.exportStack();
        const left: unknown = deployment?.resources;
        if (!Array.isArray(left) || left.length === 0) {
          // With nothing left the next `up` may choose an engine anew. The config that is in git stays.
          if (deleteData)
            await selected.workspace.removeStack(files.stack, { preserveConfig: true });
          await releaseStack(files.folder);
        }
        return summaryOf(result.summary.resourceChanges ?? {}, performance.now() - started);
      });
    },
    outputs: () => translated({}, async () => plainOutputs(await (await stack()).outputs())),
  };
}

const plainOutputs = (outputs: OutputMap): Record<string, StackOutput> =>
  Object.fromEntries(
    Object.entries(outputs).map(([name, { value, secret }]) => [name, { value, secret }]),
  );

async function openStack(
  files: StackFiles,
  pulumi: PulumiCommand,
  envVars: Record<string, string>,
): Promise<Stack> {
  await mkdir(files.backend, { recursive: true, mode: 0o700 });
  await dropStaleLocks(files.backend);
  const workspace = await LocalWorkspace.create({
    workDir: files.project,
    pulumiCommand: pulumi,
    envVars,
  });
  try {
    return await Stack.select(files.stack, workspace);
  } catch (error) {
    if (!(error instanceof StackNotFoundError)) throw error;
    await makeStack(files, pulumi, envVars);
    return Stack.select(files.stack, workspace);
  }
}

/**
 * What the CLI must find in its environment: the backend and the passphrase of the stack's folder unless the caller's
 * environment names others. The passphrase goes there as a file's name, not as text.
 */
export function pulumiEnvironment(
  files: StackFiles,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const own = (names: readonly string[], values: Record<string, string>) =>
    names.some((name) => environment[name] !== undefined) ? {} : values;
  return {
    PULUMI_SKIP_UPDATE_CHECK: 'true',
    ...own(['PULUMI_BACKEND_URL', 'PULUMI_ACCESS_TOKEN'], {
      PULUMI_BACKEND_URL: `file://${files.backend}`,
    }),
    ...own(['PULUMI_CONFIG_PASSPHRASE', 'PULUMI_CONFIG_PASSPHRASE_FILE'], {
      PULUMI_CONFIG_PASSPHRASE_FILE: files.passphrase,
    }),
  };
}

/**
 * Makes the stack in its backend if it is not there. `pulumi stack init` has no --config-file and writes a salt into
 * the config beside Pulumi.yaml, the one that is in git; so it runs in a folder with copies of both.
 */
async function makeStack(
  files: StackFiles,
  pulumi: PulumiCommand,
  variables: Record<string, string>,
): Promise<void> {
  const folder = await mkdtemp(join(files.folder, 'init-'));
  try {
    await copyFile(files.config, join(folder, basename(files.config)));
    const { name } = parseMapping(
      await readFile(join(files.project, 'Pulumi.yaml'), 'utf8'),
      'Pulumi.yaml',
    );
    await writeFile(join(folder, 'Pulumi.yaml'), stringify({ name, runtime: 'nodejs' }));
    const made = await run(
      pulumi.command,
      [
        'stack',
        'init',
        files.stack,
        '--non-interactive',
        '--no-select',
        '--secrets-provider',
        'passphrase',
      ],
      { cwd: folder, env: { ...process.env, ...variables } },
    );
    if (made.code !== 0 && !made.stderr.includes('already exists'))
      throw new CommandError(`Pulumi could not make the stack: ${firstError(made.stderr)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function translated<T>(
  context: { signal?: AbortSignal; followed?: PulumiRun },
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (context.signal?.aborted)
      throw new CommandError('Interrupted.', { exitCode: EXIT.interrupted, cause: error });
    if (error instanceof ConcurrentUpdateError)
      throw new CommandError('Another Pulumi run holds this stack.', {
        advice: ['Wait for it. If none runs any more: pulumi cancel'],
        cause: error,
      });
    if (error instanceof CliError)
      throw failedDeployment(problemOf(error, context.followed), error);
    throw error;
  }
}

/** What the events told, else the errors among all that the CLI printed. */
function problemOf(error: CliError, followed: PulumiRun | undefined): string {
  const problems = followed?.problems() ?? [];
  return problems.length > 0 ? problems.join('\n') : firstError(messageOf(error));
}

/** The errors out of all that the CLI printed, or else the first thing that it said, without its progress. */
export function firstError(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  const errors = lines
    .filter((line) => line.startsWith('error: ') && line !== 'error: update failed')
    .map((line) => line.slice('error: '.length));
  if (errors.length > 0) return [...new Set(errors)].join('\n');
  // The Automation API puts `code: …`, `stdout: …`, `stderr: …` before what it caught.
  const said = lines
    .map((line) => line.replace(/^(code: .*|stdout:|stderr:|err\?:)\s*/, ''))
    .find((line) => line !== '');
  return said === undefined ? 'Pulumi ended without a word.' : `Pulumi ended: ${said}`;
}
