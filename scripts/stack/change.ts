import { CommandError, EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { watchInterruption } from '../interruption.ts';
import { openDisplay } from '../terminal/display.ts';
import type { Display } from '../terminal/tasks.ts';
import { lockStack } from './lock.ts';
import type { StackFiles } from './stack-files.ts';

/** What a command that changes a stack works with. */
export interface ChangeContext {
  readonly display: Display;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/**
 * Runs a command that changes a stack: alone, with its progress shown, and interruptible. After Ctrl-C what is under
 * way finishes; then, whatever the action threw, a CommandError with exit code 130 says how to go on.
 */
export async function changeStack(
  files: StackFiles,
  options: {
    readonly command: 'up' | 'down' | 'rotate';
    readonly json: boolean;
    /** What the user can do after an interruption. */
    readonly whenInterrupted: readonly string[];
    /** Runs before anything is shown, for questions on the terminal. */
    readonly ask?: () => Promise<void>;
  },
  action: (context: ChangeContext) => Promise<void>,
): Promise<void> {
  const unlock = await lockStack(files, commandFor(files.stack, options.command));
  try {
    await options.ask?.();
    const display = openDisplay(options);
    const interruption = watchInterruption(() =>
      display.warn(
        'Interrupted: what is under way finishes first. Press Ctrl-C again to end at once.',
      ),
    );
    const { signal } = interruption;
    try {
      await action({ display, signal });
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new CommandError('Interrupted. What was done so far is kept.', {
        exitCode: EXIT.interrupted,
        advice: options.whenInterrupted,
        cause: error,
      });
    } finally {
      interruption.stop();
      display.close();
    }
  } finally {
    await unlock();
  }
}
