/** Runs the Pulumi program in this process against recording mocks: what it would register, and its outputs. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { type RecordedProgram, record } from '../fixtures/stack/record.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Defaults that Pulumi.yaml declares, as Pulumi hands them to the program. */
export function defaults(): Record<string, string> {
  const { config } = parse(readFileSync(`${root}/Pulumi.yaml`, 'utf8')) as {
    config: Record<string, { default?: unknown }>;
  };
  return Object.fromEntries(
    Object.entries(config)
      .filter(([, { default: value }]) => value !== undefined)
      .map(([key, { default: value }]) => [key, String(value)]),
  );
}

export interface ProgramOptions {
  stack?: string;
  config?: Record<string, string>;
  secrets?: Record<string, string>;
  preview?: boolean;
}

let last: Promise<unknown> = Promise.resolve();

/** Each run when the one before has ended. @throws when the program fails, with what a user would see as the message */
export function recordProgram(options: ProgramOptions = {}): Promise<RecordedProgram> {
  const { stack = 'dev', config = {}, secrets = {}, preview = false } = options;
  const all = { ...defaults(), ...config, ...secrets };
  const run = () =>
    quietly(() => record({ stack, config: all, secretKeys: Object.keys(secrets), preview }));
  const recorded = last.then(run);
  last = recorded.catch(() => {});
  return recorded;
}

/** Without what the program tells its user meanwhile. */
async function quietly<T>(run: () => Promise<T>): Promise<T> {
  const { log, warn } = console;
  Object.assign(console, { log: () => {}, warn: () => {} });
  try {
    return await run();
  } finally {
    Object.assign(console, { log, warn });
  }
}
