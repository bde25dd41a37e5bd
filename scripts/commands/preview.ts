import { mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { parseChanges } from '../config/arguments.ts';
import { readPassphrase } from '../config/passphrase.ts';
import { StackConfig } from '../config/stack-config.ts';
import { chooseDeployment } from '../engine/choose.ts';
import type { EngineKind, Preview } from '../engine/deployment.ts';
import { dockerAddress } from '../engine/docker-address.ts';
import { findEngine, requireEngine } from '../engine/docker-engine.ts';
import { watchInterruption } from '../interruption.ts';
import { makeFolder, type StackFiles, stackFiles } from '../stack/stack-files.ts';
import { kindOf, showMessages } from '../terminal/deployment-events.ts';
import { openDisplay } from '../terminal/display.ts';
import { readSecrets } from '../terminal/prompt.ts';
import { type Style, styleFor } from '../terminal/style.ts';
import { printable } from '../terminal/table.ts';

export interface PreviewOptions {
  readonly stack: string;
  readonly engine?: EngineKind;
  /** Settings as `up` would be given them; they are not kept. */
  readonly set?: readonly string[];
  readonly setSecret?: readonly string[];
  readonly unset?: readonly string[];
  /** Whether a change is a failure. */
  readonly expectNoChanges: boolean;
  readonly json: boolean;
}

/**
 * Prints what `up` would change, judged by the rules of production where they hold; changes nothing.
 * @returns exit code 1 when a rule is broken, or something would change that was expected not to
 */
export async function preview(project: string, options: PreviewOptions): Promise<number> {
  const { stack, json, expectNoChanges } = options;
  const files = stackFiles(project, stack);
  const asked = parseChanges(options);
  const secrets = await readSecrets(asked.secrets);
  await makeFolder(files);
  const passphrase = (await readPassphrase(files, process.env, { make: true })) ?? '';
  const config = await StackConfig.read(files, passphrase);
  const host = asked.set['docker:host'] ?? config.get('docker:host');
  const engine = requireEngine(await findEngine(dockerAddress(host, process.env)));
  const display = openDisplay({ json });
  const { signal, stop } = watchInterruption(() => display.warn('Interrupted.'));
  await using trial = await TrialFiles.make(files);
  try {
    const deployment = await chooseDeployment({
      files: trial.files,
      passphrase,
      docker: engine.options,
      ...(options.engine === undefined ? {} : { wanted: options.engine }),
      display,
      signal,
    });
    config.setMachine('imagePlatform', engine.platform);
    if (deployment.kind === 'pulumi') await config.ensureSalt();
    await config.save();
    await config.change(asked, secrets);
    await config.writeMerged(trial.files.config);
    const task = display.task('Preview');
    const found = await deployment
      .preview({ onEvent: showMessages(display), signal })
      .catch((error: unknown) => {
        task.failed();
        throw error;
      });
    task.done(countText(found));
    const { changes, summary, violations } = found;
    display.json({
      kind: 'result',
      ok: violations.length === 0,
      stack,
      changes,
      summary,
      violations,
    });
    const tried = Object.keys(asked.set).length + asked.secrets.length + asked.unset.length > 0;
    display.text([
      ...previewLines(stack, found, styleFor(process.stdout)),
      ...(tried ? ['  The settings given here are not kept: give them to "up" as well.', ''] : []),
    ]);
    const unexpected = expectNoChanges && changes.length > 0;
    if (unexpected) display.warn('Something would change, and --expect-no-changes was given.');
    return violations.length > 0 || unexpected ? EXIT.failed : EXIT.ok;
  } finally {
    stop();
    display.close();
  }
}

/** The files of a stack, with a merged config of this preview's own. */
class TrialFiles implements AsyncDisposable {
  readonly files: StackFiles;
  readonly #folder: string;

  private constructor(files: StackFiles, folder: string) {
    this.files = { ...files, config: join(folder, basename(files.config)) };
    this.#folder = folder;
  }

  static async make(files: StackFiles): Promise<TrialFiles> {
    return new TrialFiles(files, await mkdtemp(join(files.folder, 'preview-')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const SIGNS = { create: '+', update: '~', replace: '±', delete: '-', same: ' ' } as const;

/** Every change in a line, then the broken rules. */
export function previewLines(
  stack: string,
  { changes, violations }: Preview,
  style: Style,
): string[] {
  const paint = { create: style.good, update: style.warning, replace: style.warning };
  const shown = changes.flatMap(({ urn, operation, reason }) => {
    const [, , types = '', name = ''] = urn.split('::');
    const kind = kindOf(types.split('$').at(-1) ?? '');
    if (kind === undefined) return [];
    const color = operation in paint ? paint[operation as keyof typeof paint] : style.bad;
    const what = `${SIGNS[operation]} ${operation.padEnd(8)}${`${kind} ${name}`.padEnd(32)}`;
    return [`  ${color(what)} ${style.dim(printable(reason))}`.trimEnd()];
  });
  return [
    ...(shown.length === 0 ? [] : ['', ...shown]),
    '',
    ...(violations.length === 0
      ? []
      : [
          `  ${style.bad(`${violations.length === 1 ? 'A rule is' : `${violations.length} rules are`} broken, so it cannot be deployed:`)}`,
          ...violations.map((sentence) => `  - ${printable(sentence)}`),
          '',
        ]),
    ...(changes.length === 0 || violations.length > 0
      ? []
      : [`  Deploy it: ${commandFor(stack, 'up')}`, '']),
  ];
}

function countText({ changes, summary }: Preview): string {
  const count = (operation: keyof typeof SIGNS, word: string) => {
    const number = changes.filter((change) => change.operation === operation).length;
    return number === 0 ? [] : [`${number} to ${word}`];
  };
  const words = [
    ...count('create', 'create'),
    ...count('update', 'update'),
    ...count('replace', 'replace'),
    ...count('delete', 'delete'),
  ];
  return `${words.join(', ') || 'nothing to change'}${summary.same > 0 ? `, ${summary.same} unchanged` : ''}`;
}
