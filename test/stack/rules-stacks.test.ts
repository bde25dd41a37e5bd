import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Environment,
  type RuledResource,
  stackViolations,
  violations,
} from '../../infra/rules/index.ts';
import type { RecordedResource } from '../fixtures/stack/record.ts';
import { type ProgramOptions, recordProgram } from '../helpers/pulumi-program.ts';

/** Inputs as an engine of deployment sees them: secrets unwrapped. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const { secret, ...rest } = value as Record<string, unknown>;
  if (secret !== undefined && Object.keys(rest).length === 0) return plain(secret);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
};

const ruled = ({ type, name, inputs, options }: RecordedResource): RuledResource => ({
  type,
  name,
  inputs: plain(inputs) as Record<string, unknown>,
  options: {
    protect: options.protect ?? false,
    retainOnDelete: options.retainOnDelete ?? false,
  },
});

const DIGEST = `sha256:${'5'.repeat(64)}`;
const production = (config: Record<string, string>): ProgramOptions => ({
  stack: 'prod',
  config: {
    platform: 'swarm',
    domain: 'mcp.lakes.test',
    dremioUrl: 'https://dremio.lakes.test:9047',
    dremioUsername: 'analyst',
    nodeImage: `registry.test/node@${DIGEST}`,
    caddyImage: `registry.test/caddy@${DIGEST}`,
    ...config,
  },
  secrets: { dremioPassword: 'vT9-kq2;Lm4x' },
});

const stacks: [string, Environment, ProgramOptions][] = [
  ['dev with the demo', 'dev', { config: { demo: 'true' } }],
  ['production', 'prod', production({})],
  [
    'production with monitoring and a Dremio inside',
    'prod',
    production({
      dremioUrl: 'http://dremio.lakes.test:9047',
      dremioInternal: 'true',
      monitoring: 'true',
      tlsMode: 'internal',
    }),
  ],
];

describe('the stacks of this program', { concurrency: 2 }, () => {
  for (const [what, environment, options] of stacks)
    it(`break no rule: ${what}`, async () => {
      const resources = (await recordProgram(options)).resources.map(ruled);
      const context = { stack: options.stack ?? 'dev', environment };
      assert.ok(resources.length > 10);
      assert.deepEqual(
        [
          ...resources.flatMap((resource) => violations(resource, context)),
          ...stackViolations(resources, context),
        ],
        [],
      );
    });
});
