/** Starts the process that runs a program, and speaks with it. */

import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { StackConfig } from './config.ts';
import type { Project } from './project.ts';
import type { FromProgram, Registered, Registration, ToProgram } from './registration.ts';
import type { StackOutput } from './types.ts';

export interface ProgramHandlers {
  /** The program wants a resource; answer when it is there, or never. */
  register(registration: Registration, answer: (result: Registered) => void): void;
  finished(outputs: Record<string, StackOutput>): void;
  /** The program itself failed, or its process ended early. */
  failed(message: string): void;
  /** A line that the program printed. */
  printed(line: string, stream: 'stdout' | 'stderr'): void;
}

export interface Program {
  /** Ends the process at once. */
  stop(): void;
}

const processFile = fileURLToPath(new URL('./program-process.ts', import.meta.url));

/** Runs the program of a project in a process of its own, in the folder that Pulumi runs it in. */
export function startProgram(
  project: Project,
  stack: string,
  config: StackConfig,
  preview: boolean,
  handlers: ProgramHandlers,
): Program {
  const child = fork(processFile, [], {
    cwd: project.programDir,
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let ended = false;
  const order = (message: ToProgram) => {
    if (child.connected) child.send(message, () => {});
  };
  const end = (report: () => void) => {
    if (ended) return;
    ended = true;
    report();
  };
  child.on('message', (message: FromProgram) => {
    if (message.kind === 'ready') {
      const { values, secretKeys } = config;
      const { name, entry } = project;
      order({ kind: 'run', entry, project: name, stack, preview, config: values, secretKeys });
    } else if (message.kind === 'register') {
      const { sequence, registration } = message;
      handlers.register(registration, (result) => order({ kind: 'registered', sequence, result }));
    } else if (message.kind === 'finished') {
      end(() => handlers.finished(message.outputs));
    } else {
      end(() => handlers.failed(message.message));
    }
  });
  child.on('error', (error) => end(() => handlers.failed(`Cannot run Node: ${error.message}`)));
  child.on('exit', (code, signal) =>
    end(() => handlers.failed(`The program ended early (${signal ?? `exit status ${code}`}).`)),
  );
  readLines(child, handlers);
  return {
    stop() {
      ended = true;
      child.kill('SIGKILL');
    },
  };
}

function readLines(child: ChildProcess, handlers: ProgramHandlers): void {
  for (const stream of ['stdout', 'stderr'] as const) {
    const lines = createInterface({ input: child[stream] as Readable });
    lines.on('line', (line) => handlers.printed(line, stream));
  }
}
