/** `npm run pin`: which content the third-party images of a stack stand for, asked of their registries and kept. */
import { join } from 'node:path';
import { IMAGE_LOCK_NAME } from '../../infra/image-lock.ts';
import { CommandError, EXIT, messageOf } from '../command-error.ts';
import { readPassphrase } from '../config/passphrase.ts';
import { StackConfig } from '../config/stack-config.ts';
import { stackFiles } from '../stack/stack-files.ts';
import { styleFor } from '../terminal/style.ts';
import { readLockFile, writeLockFile } from './lock-file.ts';
import { namedImages, type Outcome, outcomeOf } from './outcome.ts';
import { isDifferent, report } from './report.ts';

/** The stack that needs its images pinned. */
export const PINNED_STACK = 'prod';

export interface PinOptions {
  readonly stack: string;
  /** Only compare; change nothing. */
  readonly check: boolean;
  readonly json: boolean;
}

/**
 * Pins every third-party image of the stack, or with `check` says whether the lock is still what the registries serve.
 * The lock is written as a whole, once every image was found; images of other stacks keep their entries.
 * @returns exit code: 1 when `check` finds a difference
 * @throws CommandError with every image that could not be looked up
 */
export async function pin(
  project: string,
  options: PinOptions,
  out: NodeJS.WritableStream = process.stdout,
): Promise<number> {
  const { stack, check, json } = options;
  const files = stackFiles(project, stack);
  const passphrase = (await readPassphrase(files, process.env, { make: false })) ?? '';
  const config = await StackConfig.read(files, passphrase);
  const path = join(project, IMAGE_LOCK_NAME);
  const lock = await readLockFile(path);
  const outcomes = await allOf(namedImages(config).map((image) => outcomeOf(image, config, lock)));
  const found = outcomes.flatMap((one): [string, string][] =>
    one.state === 'by content' ? [] : [[one.reference, one.now]],
  );
  const differs = outcomes.some(isDifferent);
  if (differs && !check) await writeLockFile(path, new Map([...lock, ...found]));
  const command = stack === PINNED_STACK ? 'npm run pin' : `npm run pin -- --stack ${stack}`;
  out.write(
    json
      ? `${JSON.stringify(outcomes, undefined, 2)}\n`
      : report(outcomes, lock, { check, command, style: styleFor(out) }),
  );
  return check && differs ? EXIT.failed : EXIT.ok;
}

/** Every outcome, or one error that tells of all images that have none. */
async function allOf(outcomes: readonly Promise<Outcome>[]): Promise<Outcome[]> {
  const settled = await Promise.allSettled(outcomes);
  const failures: unknown[] = settled.flatMap((one) =>
    one.status === 'rejected' ? [one.reason] : [],
  );
  if (failures.length === 0)
    return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const advice = failures.flatMap((one) => (one instanceof CommandError ? one.advice : []));
  throw new CommandError(
    [...failures.map(messageOf), `${IMAGE_LOCK_NAME} was not changed.`].join('\n'),
    { advice: [...new Set(advice)], cause: failures[0] },
  );
}
