/** Runs the program and sees every resource through, until all are there or one has failed. */

import { checkOptions } from './check.ts';
import type { StackConfig } from './config.ts';
import { messageOf } from './engine-error.ts';
import { RunnerError } from './errors.ts';
import { startProgram } from './program.ts';
import type { Project } from './project.ts';
import type { Registered, Registration } from './registration.ts';
import { abortError, type Run } from './run.ts';
import { secret, secretTexts } from './secret-value.ts';
import type { ResourceFailure, StackOutput } from './types.ts';

export interface Execution {
  project: Project;
  config: StackConfig;
  preview: boolean;
  /** Sees one resource through; components do not come here. */
  handle(registration: Registration): Promise<Registered>;
}

export interface Executed {
  outputs: Record<string, StackOutput>;
  /** URNs of everything in the program, components among them. */
  registered: Set<string>;
}

/**
 * After the first failure, and after an abort, nothing new starts and what is under way finishes.
 * Throws a RunnerError with every failure.
 */
export function execute(run: Run, execution: Execution): Promise<Executed> {
  const { project, config, preview, handle } = execution;
  const { signal, stack } = run.options;
  const registered = new Set<string>();
  const failures: ResourceFailure[] = [];
  let underWay = 0;
  let stopped: RunnerError | undefined;

  return new Promise((resolve, reject) => {
    const leave = () => {
      signal?.removeEventListener('abort', onAbort);
      program.stop();
    };
    const stop = (reason: RunnerError | undefined) => {
      stopped ??= reason;
      if ((stopped === undefined && failures.length === 0) || underWay > 0) return;
      leave();
      reject(failures.length > 0 ? failuresError(failures) : stopped);
    };
    const onAbort = () => stop(abortError());

    const place = async (registration: Registration): Promise<Registered> => {
      if (registered.has(registration.urn)) {
        throw new RunnerError(
          `The program has two resources of type ${registration.type} named "${registration.name}".`,
        );
      }
      registered.add(registration.urn);
      if (registration.custom) return handle(registration);
      checkOptions(registration);
      return { state: {} };
    };

    const program = startProgram(project, stack, config, preview, {
      register(registration, answer) {
        // Unanswered, whatever depends on it never comes.
        if (stopped !== undefined || failures.length > 0) return;
        const started = Date.now();
        underWay++;
        place(registration)
          .then(answer, (error) => {
            const { urn } = registration;
            const message = run.mask.apply(messageOf(error));
            failures.push({ urn, message });
            run.emit({ kind: 'failed', urn, message, durationMs: Date.now() - started });
          })
          .finally(() => {
            underWay--;
            stop(undefined);
          });
      },
      finished(outputs) {
        if (stopped !== undefined || failures.length > 0) return;
        leave();
        for (const { value, secret: hidden } of Object.values(outputs)) {
          if (hidden) run.mask.add(secretTexts(secret(value)));
        }
        resolve({ outputs, registered });
      },
      failed: (message) => stop(new RunnerError(run.mask.apply(message))),
      printed(line, stream) {
        // A preview does not know every output, which the SDK takes for a mistake.
        if (!(preview && /Undefined value \(.*\) will not show/.test(line))) {
          run.emit(printedEvent(line, stream));
        }
      },
    });

    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort);
  });
}

/** One error for all, so that a user sees every cause at once. */
export function failuresError(failures: readonly ResourceFailure[]): RunnerError {
  const said = failures.map(({ urn, message }) => {
    const [, , types = '', name = ''] = urn.split('::');
    return `${name} (${types.split('$').at(-1)}): ${message}`;
  });
  return new RunnerError(said.join('\n'), failures);
}

/** The SDK writes its own log to the console when there is no engine to send it to. */
function printedEvent(line: string, stream: 'stdout' | 'stderr') {
  const said = /^(info|warning|error|debug): (?:\[runtime\] )?(.*)$/.exec(line);
  const severity =
    said?.[1] === 'warning' || said?.[1] === 'error'
      ? said[1]
      : stream === 'stderr'
        ? 'warning'
        : 'info';
  return { kind: 'message', severity, message: said?.[2] ?? line } as const;
}
