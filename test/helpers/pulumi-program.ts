/** Runs the Pulumi program in a process of its own against recording mocks: what it would register, and its outputs. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { RecordedProgram } from '../fixtures/stack/record.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Spares each process but the first the compilation of Pulumi's SDK. */
const COMPILE_CACHE = `${root}/node_modules/.cache/test-compile`;
const recorder = fileURLToPath(new URL('../fixtures/stack/record.ts', import.meta.url));

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

/** @throws when the program fails; the error's message is what a user would see. */
export function recordProgram(options: ProgramOptions = {}): Promise<RecordedProgram> {
  const { stack = 'dev', config = {}, secrets = {}, preview = false } = options;
  const input = JSON.stringify({
    stack,
    config: { ...defaults(), ...config, ...secrets },
    secretKeys: Object.keys(secrets),
    preview,
  });
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [recorder],
      {
        cwd: root,
        maxBuffer: 64 << 20,
        env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
      },
      (error, stdout, stderr) => {
        if (error) reject(new Error(stderr.trim() || error.message));
        else resolve(JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RecordedProgram);
      },
    );
    child.stdin?.end(input);
  });
}
