import { CommandError, EXIT } from './command-error.ts';

/** Two signals in less than this are one: npm and the terminal both deliver a Ctrl-C. In ms. */
const SAME_SIGNAL_MS = 400;

export interface Interruption {
  readonly signal: AbortSignal;
  stop(): void;
}

/**
 * Watches for Ctrl-C (SIGINT) and SIGTERM: the first aborts `signal` and calls `onFirst`, a second one ends the
 * process at once.
 */
export function watchInterruption(onFirst: () => void): Interruption {
  const controller = new AbortController();
  let first = 0;
  const onSignal = () => {
    const now = performance.now();
    if (!controller.signal.aborted) {
      first = now;
      controller.abort(new CommandError('Interrupted.', { exitCode: EXIT.interrupted }));
      onFirst();
    } else if (now - first > SAME_SIGNAL_MS) {
      process.exit(EXIT.interrupted);
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    stop: () => {
      process.removeListener('SIGINT', onSignal);
      process.removeListener('SIGTERM', onSignal);
    },
  };
}
