import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { PulumiCommand } from '@pulumi/pulumi/automation/index.js';
import sdk from '@pulumi/pulumi/package.json' with { type: 'json' };
import { messageOf } from '../command-error.ts';
import { findProgram } from '../process.ts';
import type { Display } from '../terminal/tasks.ts';

const DOWNLOAD_HOST = 'https://get.pulumi.com/';
/** How long the download host may take to answer, in ms. */
const ANSWER_MS = 5_000;

/** A Pulumi CLI that is on this machine: on PATH, or in the place where `npx pulumi` keeps the SDK's version. */
export async function findPulumi(): Promise<PulumiCommand | undefined> {
  if ((await findProgram('pulumi')) !== undefined) return PulumiCommand.get();
  const root = downloadFolder();
  return existsSync(join(root, 'bin', 'pulumi')) ? PulumiCommand.get({ root }) : undefined;
}

/**
 * Downloads the CLI of the SDK's version with Pulumi's own installer, into the folder that the npm package `pulumi`
 * uses too, so that `npx pulumi` finds it.
 * @returns the command, or why there is none, in words
 */
export async function downloadPulumi(
  display: Display,
  signal: AbortSignal,
): Promise<PulumiCommand | string> {
  try {
    const answer = await fetch(DOWNLOAD_HOST, {
      method: 'HEAD',
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    if (answer.status >= 500) return `${DOWNLOAD_HOST} answers with status ${answer.status}`;
  } catch (error) {
    signal.throwIfAborted();
    return `${DOWNLOAD_HOST} does not answer (${messageOf(error)})`;
  }
  const task = display.task('Download Pulumi CLI');
  try {
    const command = await PulumiCommand.install({ root: downloadFolder() });
    task.done(`${command.version} in ${downloadFolder()}`);
    return command;
  } catch (error) {
    task.failed();
    return `the download failed (${messageOf(error).split('\n')[0]})`;
  }
}

function downloadFolder(): string {
  const home = process.env.PULUMI_HOME || join(homedir(), '.pulumi');
  return join(home, 'versions', sdk.version);
}
