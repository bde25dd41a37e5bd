import type Docker from 'dockerode';
import { CommandError } from '../command-error.ts';
import type { StackConfig } from '../config/stack-config.ts';
import type { Engine } from '../engine/docker-engine.ts';

/** What a deployment is to stand on. */
export interface Ground {
  readonly config: StackConfig;
  readonly docker: Docker;
  readonly engine: Engine;
}

/** What one check found; empty when there is nothing to say. */
export interface Found {
  /** What is as it should be. */
  readonly ok?: string;
  /** What is worth knowing. */
  readonly notes?: readonly string[];
  /** What may go wrong, with what helps. */
  readonly warnings?: readonly { readonly text: string; readonly fix: readonly string[] }[];
  /** What stands in the way, each with what helps. */
  readonly problems?: readonly CommandError[];
}

/** One look at what a deployment needs; changes nothing. */
export interface Check {
  readonly name: string;
  look(ground: Ground): Promise<Found>;
}

/** Makes a check; a CommandError that it throws is a problem that it found. */
export function checkThat(name: string, look: (ground: Ground) => Promise<Found>): Check {
  return {
    name,
    async look(ground) {
      try {
        return await look(ground);
      } catch (error) {
        if (error instanceof CommandError) return { problems: [error] };
        throw error;
      }
    },
  };
}

/** One error for all problems, so that a user can solve them in one go. */
export function combined(problems: readonly CommandError[]): CommandError {
  const [first] = problems;
  if (first !== undefined && problems.length === 1) return first;
  return new CommandError(`${problems.length} problems stand in the way.`, {
    exitCode: first?.exitCode ?? 1,
    advice: problems.flatMap(({ message, advice }) => [
      `- ${message}`,
      ...advice.map((line) => `    ${line}`),
    ]),
  });
}
