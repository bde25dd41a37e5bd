/** `scripts/preview-ci`: the arguments, the stacks one after the other, the report. */
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Mask } from '../../local/mask.ts';
import { CommandError, EXIT, messageOf } from '../command-error.ts';
import { downloadPulumi, findPulumi } from '../engine/pulumi-cli.ts';
import { watchInterruption } from '../interruption.ts';
import { plainDisplay } from '../terminal/plain.ts';
import { type BaseRevision, checkOut } from './base-revision.ts';
import { compare } from './compare.ts';
import { type Program, planProgram } from './planned.ts';
import { previewStack } from './pulumi.ts';
import { type Comparison, markdown, passes, type StackReport } from './report.ts';
import { Scratch } from './scratch.ts';

const USAGE = `Previews the stacks of this checkout with the Pulumi CLI and the policy pack in policy/, without any secret, without
building images and without a Docker engine. Nothing is left behind.

  scripts/preview-ci [--stack <name>]… [--base <revision>] [<report.md>]

  --stack <name>     only this stack (again for more); else every one that has a Pulumi.<stack>.yaml
  --base <revision>  also say what would change against this git revision
  <report.md>        file that the report is written to; it goes to standard output too

Ends with 0 when every stack passes, with 1 when one breaks a policy or has an error.
`;

const project = fileURLToPath(new URL('../..', import.meta.url));
const display = plainDisplay(process.stderr);
const interruption = watchInterruption(() => display.note('Interrupted: cleaning up …'));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const known = error instanceof CommandError ? error : undefined;
  process.stderr.write(`${[messageOf(error), ...(known?.advice ?? [])].join('\n')}\n`);
  process.exitCode = known?.exitCode ?? EXIT.failed;
} finally {
  display.close();
  interruption.stop();
}

async function main(words: string[]): Promise<number> {
  const { stacks: wanted, base, file, help } = readArguments(words);
  if (help) {
    process.stdout.write(USAGE);
    return EXIT.ok;
  }
  const { signal } = interruption;
  const stacks = wanted.length > 0 ? wanted : await committedStacks();
  const pulumi = await installedPulumi(signal);
  const scratch = await Scratch.make();
  try {
    const other = base === undefined ? undefined : await checkOut(project, base, scratch.folder);
    const reports: StackReport[] = [];
    for (const stack of stacks) {
      const task = display.task(`Preview ${stack}`);
      const report = await reportOn(stack, scratch, pulumi.command, other);
      if (passes(report)) task.done();
      else task.failed();
      reports.push(report);
    }
    const mask = new Mask();
    mask.add(scratch.secrets());
    const text = mask.apply(
      markdown({
        stacks: reports,
        pulumi: pulumi.version,
        ...(other === undefined ? {} : { base: other.name }),
      }),
    );
    if (file !== undefined) await writeFile(file, text);
    process.stdout.write(text);
    return reports.every(passes) ? EXIT.ok : EXIT.failed;
  } finally {
    await scratch.remove();
  }
}

async function reportOn(
  stack: string,
  scratch: Scratch,
  command: string,
  base: BaseRevision | undefined,
): Promise<StackReport> {
  const { signal } = interruption;
  const started = performance.now();
  const configFile = await scratch.stackConfig(project, stack, `stacks/${stack}`);
  const preview = await previewStack(
    { command, environment: scratch.environment, signal },
    { project, stack, configFile, policyPacks: [join(project, 'policy')] },
  );
  const comparison =
    base === undefined || preview.errors.length > 0
      ? undefined
      : await comparisonWith(base, stack, scratch, configFile);
  const seconds = (performance.now() - started) / 1000;
  return { stack, preview, seconds, ...(comparison === undefined ? {} : { comparison }) };
}

async function comparisonWith(
  base: BaseRevision,
  stack: string,
  scratch: Scratch,
  configFile: string,
): Promise<Comparison> {
  const { signal } = interruption;
  if (!existsSync(join(base.project, `Pulumi.${stack}.yaml`)))
    return { unknown: `There is no Pulumi.${stack}.yaml in ${base.name}: the stack is new.` };
  const program = (folder: string, file: string): Program => ({
    project: folder,
    stack,
    configFile: file,
    passphrase: scratch.passphrase,
    signal,
  });
  const after = await planProgram(program(project, configFile));
  try {
    const baseConfig = await scratch.stackConfig(base.project, stack, `base-stacks/${stack}`);
    const before = await planProgram(program(base.project, baseConfig));
    return { changes: compare(before, after) };
  } catch (error) {
    signal.throwIfAborted();
    return { unknown: messageOf(error) };
  }
}

function readArguments(words: string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: words,
      allowPositionals: true,
      options: {
        stack: { type: 'string', multiple: true, default: [] },
        base: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (positionals.length > 1)
      throw new Error(`One report at most, got ${positionals.join(' ')}.`);
    return { stacks: values.stack, base: values.base, file: positionals[0], help: values.help };
  } catch (error) {
    throw new CommandError(messageOf(error), { exitCode: EXIT.usage, advice: ['', USAGE] });
  }
}

/** Stacks whose config is in the repository. */
async function committedStacks(): Promise<string[]> {
  const names = await readdir(project);
  return names.flatMap((name) => /^Pulumi\.([a-z0-9-]+)\.yaml$/.exec(name)?.[1] ?? []).sort();
}

async function installedPulumi(signal: AbortSignal): Promise<{ command: string; version: string }> {
  let pulumi = await findPulumi();
  if (pulumi === undefined) {
    display.note(
      'No Pulumi CLI on PATH: downloading it from https://get.pulumi.com/, as npx pulumi does.',
    );
    const downloaded = await downloadPulumi(display, signal);
    if (typeof downloaded === 'string')
      throw new CommandError(`There is no Pulumi CLI on PATH, and ${downloaded}.`, {
        advice: ['Install it: https://www.pulumi.com/docs/install/', 'Then run the command again.'],
      });
    pulumi = downloaded;
  }
  return { command: pulumi.command, version: `v${pulumi.version}` };
}
