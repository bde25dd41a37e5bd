/** The Pulumi CLI itself, on stacks that `npm run up` made with it. */
import { execFile, spawnSync } from 'node:child_process';
import { repository } from './lakehouse-command.ts';

/** Why tests with the CLI are skipped, for `skip`; `false` when they are not. */
export const noPulumi =
  spawnSync('pulumi', ['version']).status === 0
    ? false
    : 'SKIPPED: there is no Pulumi CLI on PATH, so nothing here was seen with the real engine';

export interface PulumiOutcome {
  readonly code: number;
  /** Both streams. */
  readonly output: string;
}

/** Runs `pulumi <args>` on a stack's own backend and config, as `npm run up` does; never rejects for an exit code. */
export function pulumiOn(stack: string, ...args: readonly string[]): Promise<PulumiOutcome> {
  const folder = `${repository}.lakehouse/${stack}`;
  const config = ['preview', 'up', 'refresh', 'destroy'].includes(args[0] ?? '')
    ? ['--config-file', `${folder}/Pulumi.${stack}.yaml`]
    : [];
  return new Promise((resolve) => {
    const child = execFile(
      'pulumi',
      [...args, ...config, '--stack', stack, '--non-interactive', '--color', 'never'],
      {
        cwd: repository,
        maxBuffer: 64 << 20,
        env: {
          ...process.env,
          PULUMI_BACKEND_URL: `file://${folder}/backend`,
          PULUMI_CONFIG_PASSPHRASE_FILE: `${folder}/passphrase`,
        },
      },
      (_error, stdout, stderr) =>
        resolve({ code: child.exitCode ?? -1, output: `${stdout}${stderr}` }),
    );
  });
}

/** Runs a command of the CLI that must succeed. @returns what it printed */
export async function pulumiOk(stack: string, ...args: readonly string[]): Promise<string> {
  const { code, output } = await pulumiOn(stack, ...args);
  if (code !== 0) throw new Error(`pulumi ${args.join(' ')} ended with ${code}:\n${output}`);
  return output;
}
