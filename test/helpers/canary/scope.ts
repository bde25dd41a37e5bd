/** One stack as the search sees it: what the collectors of all surfaces are told. */
import { homedir, tmpdir } from 'node:os';
import type { StackFiles } from '../../../scripts/stack/stack-files.ts';
import type { Sample } from './search.ts';

export interface Scope {
  /** Value of the label `lakehouse.stack`. */
  readonly stack: string;
  /** What is older has nothing to do with it. */
  readonly since: Date;
  /** Folder with config, state and passphrase of the stack. */
  readonly stackFolder: string;
  /** The repository: what is packed, and where commands run. */
  readonly checkout: string;
  /** The user's home folder. */
  readonly home: string;
  /** Where commands make temporary files. */
  readonly temporary: string;
  /** What commands wrote, by command. */
  readonly said: readonly { readonly command: string; readonly text: string }[];
  /** Arguments and environments of processes that lived while a command ran. */
  readonly processes: readonly string[];
  /** Answers of everything that speaks HTTP. */
  readonly answers: readonly Sample[];
  /** What Dremio and the official MCP server got. */
  requests(): AsyncIterable<Sample>;
}

export type Collector = (scope: Scope) => AsyncIterable<Sample>;

/** A stack of this machine that nobody watched. */
export const quietScope = ({ stack, folder, project }: StackFiles): Omit<Scope, 'since'> => ({
  stack,
  stackFolder: folder,
  checkout: project,
  home: homedir(),
  temporary: tmpdir(),
  said: [],
  processes: [],
  answers: [],
  async *requests() {},
});
