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
import { plain, productionOptions } from '../helpers/recorded.ts';

const ruled = ({ type, name, inputs, options }: RecordedResource): RuledResource => ({
  type,
  name,
  inputs: plain(inputs) as Record<string, unknown>,
  options: {
    protect: options.protect ?? false,
    retainOnDelete: options.retainOnDelete ?? false,
  },
});

const stacks: [string, Environment, ProgramOptions][] = [
  ['dev with the demo', 'dev', { config: { demo: 'true' } }],
  ['production', 'prod', productionOptions({})],
  [
    'production with monitoring and a Dremio inside',
    'prod',
    productionOptions({
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
