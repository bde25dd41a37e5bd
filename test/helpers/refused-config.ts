import assert from 'node:assert/strict';
import * as pulumi from '@pulumi/pulumi';
import { loadConfig } from '../../infra/config.ts';
import { defaults, type ProgramOptions } from './pulumi-program.ts';

const PROJECT = 'lakehouse-mcp';

/** The message with which the program refuses a config; without running the rest of it, in this process. */
export async function refusal(options: ProgramOptions = {}): Promise<string> {
  const { stack = 'dev', config = {}, secrets = {}, preview = false } = options;
  const nothing = { newResource: () => ({ id: '', state: {} }), call: () => ({}) };
  await pulumi.runtime.setMocks(nothing, PROJECT, stack, preview);
  const full = (key: string) => `${PROJECT}:${key}`;
  pulumi.runtime.setAllConfig(
    Object.fromEntries(
      Object.entries({ ...defaults(), ...config, ...secrets }).map(([key, value]) => [
        full(key),
        value,
      ]),
    ),
    Object.keys(secrets).map(full),
  );
  try {
    loadConfig();
  } catch (error) {
    assert.ok(error instanceof pulumi.RunError, String(error));
    return error.message;
  }
  return assert.fail('the program accepted the config');
}
