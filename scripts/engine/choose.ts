import type { PulumiCommand } from '@pulumi/pulumi/automation/index.js';
import type Docker from 'dockerode';
import { CommandError, EXIT } from '../command-error.ts';
import { readIfThere, type StackFiles } from '../stack/stack-files.ts';
import type { Display } from '../terminal/tasks.ts';
import type { Deployment, EngineKind } from './deployment.ts';

export interface Choice {
  readonly files: StackFiles;
  readonly passphrase: string;
  readonly docker: Docker.DockerOptions;
  /** What `--engine` asks for. */
  readonly wanted?: EngineKind;
  readonly display: Display;
  readonly signal: AbortSignal;
}

/** The engine that made the stack, or `undefined` when it was never deployed. */
export async function recordedEngine(files: StackFiles): Promise<EngineKind | undefined> {
  const text = (await readIfThere(files.engine))?.trim();
  if (text === undefined || text === 'pulumi' || text === 'local') return text;
  throw new CommandError(`${files.engine} says "${text}"; expected pulumi or local.`);
}

/**
 * Picks the engine of deployment, saying which and why: the one that made the stack, else the Pulumi CLI, else its
 * download, else the runner.
 */
export async function chooseDeployment(choice: Choice): Promise<Deployment> {
  const { files, wanted, display } = choice;
  const recorded = await recordedEngine(files);
  if (recorded !== undefined && wanted !== undefined && recorded !== wanted)
    throw new CommandError(
      `The stack "${files.stack}" was made with --engine ${recorded}; --engine ${wanted} does not know its resources.`,
      {
        exitCode: EXIT.usage,
        advice: [
          `Go on with it: npm run up -- --stack ${files.stack}`,
          `Or begin anew: npm run down -- --stack ${files.stack} --delete-data, then --engine ${wanted}`,
        ],
      },
    );
  const kind = recorded ?? wanted;
  if (kind === 'local') return openLocal(choice);
  const pulumi = await findOrDownload(choice);
  if (typeof pulumi !== 'string') {
    if (recorded === undefined) display.note(`Deploying with the Pulumi CLI ${pulumi.version}.`);
    return openPulumi(choice, pulumi);
  }
  if (kind === 'pulumi')
    throw new CommandError(`No Pulumi CLI on PATH, and ${pulumi}.`, {
      advice: ['Install it: https://www.pulumi.com/docs/install/', 'Then run the command again.'],
    });
  display.note(
    `No Pulumi CLI on PATH, and ${pulumi}.\n` +
      'Deploying with the runner in local/ instead: the same program against the same Docker engine, meant for\n' +
      'trying out. What it makes stays its own; to switch later: npm run down, then up with --engine pulumi.',
  );
  return openLocal(choice);
}

/** The deployment of a stack that exists, without a choice to make; `undefined` when it was never deployed. */
export async function openDeployment(
  choice: Omit<Choice, 'wanted'>,
): Promise<Deployment | undefined> {
  return (await recordedEngine(choice.files)) === undefined ? undefined : chooseDeployment(choice);
}

// The two engines pull in large libraries: only the one that is used is loaded.
async function openLocal({ files, passphrase, docker }: Choice): Promise<Deployment> {
  const { localDeployment } = await import('./local-deployment.ts');
  return localDeployment(files, passphrase, docker);
}

async function openPulumi({ docker, files }: Choice, pulumi: PulumiCommand) {
  const { pulumiDeployment } = await import('./pulumi-deployment.ts');
  return pulumiDeployment(files, pulumi, docker);
}

async function findOrDownload(choice: Choice): Promise<PulumiCommand | string> {
  const { downloadPulumi, findPulumi } = await import('./pulumi-cli.ts');
  return (await findPulumi()) ?? downloadPulumi(choice.display, choice.signal);
}
