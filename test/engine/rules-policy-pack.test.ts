/** The policy pack under the Pulumi CLI. Needs the CLI with its docker plugin on PATH; says so where it is missing. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { PolicyEvent } from '@pulumi/pulumi/automation/index.js';
import type { RuledResource } from '../../infra/rules/index.ts';
import type { Environment } from '../../infra/rules/rule.ts';
import { brokenResources, brokenStacks } from '../fixtures/rules/broken.ts';
import {
  container,
  edge,
  filler,
  image,
  network,
  secret,
  service,
  volume,
} from '../fixtures/rules/good.ts';
import { repository } from '../helpers/lakehouse-command.ts';

const missing =
  spawnSync('pulumi', ['version']).status === 0
    ? false
    : 'SKIPPED: there is no Pulumi CLI on PATH, so the policy pack was not run by the real engine';
const program = fileURLToPath(new URL('../fixtures/rules/program', import.meta.url));
/** The first is production by its name. */
const STACKS = { prod: 'prod', dev: 'it' } as const satisfies Record<Environment, string>;
/** The CLI does not tell a pack of `retainOnDelete`. */
const told = brokenResources.filter(({ resource }) => resource.options.retainOnDelete !== false);
/** Of pinned images a preview leaves it to the program to speak. */
const [unpinned] = told.filter(({ rule }) => rule === 'base-image-by-digest');
/** These the provider refuses, too, and ends the preview with that. */
const unencoded = told.filter(({ rule }) => rule === 'secret-encoded');

interface Judged {
  readonly code: number;
  /** Broken rules by the place of the resource in the list; those of the whole stack under -1. */
  readonly violations: ReadonlyMap<number, readonly string[]>;
  /** All that was printed. */
  readonly output: string;
}

describe('the policy pack, run by the Pulumi CLI', { skip: missing }, () => {
  let folder: string;
  const pulumi = (...args: string[]) =>
    new Promise<{ code: number; output: string }>((resolve) => {
      const env = {
        ...process.env,
        PULUMI_BACKEND_URL: `file://${folder}/backend`,
        PULUMI_CONFIG_PASSPHRASE: '',
        // The event log is one of the flags that the CLI has for tools.
        PULUMI_DEBUG_COMMANDS: 'true',
      };
      const child = execFile(
        'pulumi',
        [...args, '--non-interactive', '--color', 'never'],
        { cwd: folder, env, maxBuffer: 64 << 20 },
        (_error, stdout, stderr) =>
          resolve({ code: child.exitCode ?? -1, output: `${stdout}${stderr}` }),
      );
    });

  async function judge(
    resources: readonly RuledResource[],
    environment: Environment,
    command: readonly string[] = ['preview'],
  ): Promise<Judged> {
    await writeFile(`${folder}/resources.json`, JSON.stringify(resources));
    const log = `${folder}/events.jsonl`;
    await rm(log, { force: true });
    const { code, output } = await pulumi(
      ...command,
      ...['--stack', STACKS[environment], '--policy-pack', `${repository}policy`],
      ...['--event-log', log],
    );
    const violations = new Map<number, string[]>();
    for (const line of (await readFile(log, 'utf8')).split('\n')) {
      const { policyEvent } = JSON.parse(line || '{}') as { policyEvent?: PolicyEvent };
      if (policyEvent?.enforcementLevel !== 'mandatory') continue;
      const { resourceUrn = '', policyName, message } = policyEvent;
      const index = Number(/rules:index:Number(\d+)\$/.exec(resourceUrn)?.[1] ?? -1);
      violations.set(index, [...(violations.get(index) ?? []), `${policyName}: ${message}`]);
    }
    return { code, violations, output };
  }

  before(async () => {
    // Inside the repository, where the program finds the packages.
    await mkdir(`${repository}.lakehouse`, { recursive: true });
    folder = await mkdtemp(`${repository}.lakehouse/policy-`);
    await cp(program, folder, { recursive: true });
    await mkdir(`${folder}/backend`);
    for (const stack of Object.values(STACKS)) {
      const { code, output } = await pulumi('stack', 'init', stack);
      assert.equal(code, 0, output);
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const environment of ['dev', 'prod'] as const)
    it(`refuses every resource that breaks a rule of ${environment}, and says what to change`, async () => {
      const broken = told.filter(
        (each) =>
          each.environment === environment && each !== unpinned && !unencoded.includes(each),
      );
      const { code, violations, output } = await judge(
        broken.map(({ resource }) => resource),
        environment,
      );
      assert.notEqual(code, 0);
      for (const [index, { rule, what, resource, message }] of broken.entries()) {
        const [first = '', ...more] = violations.get(index) ?? [];
        assert.ok(first.startsWith(`${rule}: `), `${rule} reports a ${what}: ${first}`);
        assert.match(first, message);
        assert.ok(first.includes(`"${resource.name}": `), first);
        assert.deepEqual(more, [], `a ${what} breaks one rule alone`);
      }
      assert.doesNotMatch(output, /hunter2/);
    });

  for (const { rule, what, resources, message } of brokenStacks)
    it(`refuses a stack that breaks ${rule}: ${what}`, async () => {
      const { code, violations } = await judge(resources, 'prod');
      assert.notEqual(code, 0);
      const found = [...violations.values()].flat();
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', new RegExp(`^${rule}: `));
      assert.match(found[0] ?? '', message);
    });

  for (const { what, resource, message } of unencoded)
    it(`refuses a ${what} in words that do not show it`, async () => {
      const { violations } = await judge([resource], 'prod');
      assert.match(violations.get(0)?.join() ?? '', message);
      assert.doesNotMatch(violations.get(0)?.join() ?? '', /hunter2/);
    });

  it('refuses an image on a tag before it is built, of which a preview does not speak', async () => {
    assert.ok(unpinned);
    assert.deepEqual((await judge([unpinned.resource], 'prod')).violations, new Map());
    const up = await judge([unpinned.resource], 'prod', ['up', '--yes', '--skip-preview']);
    assert.notEqual(up.code, 0);
    assert.match(up.violations.get(0)?.join() ?? '', unpinned.message);
  });

  it('passes what keeps the rules', async () => {
    for (const [environment, resources] of [
      ['dev', [container(), filler(), network({ driver: 'bridge' })]],
      ['prod', [service(), edge(), image({}), network(), volume(), secret()]],
    ] as const) {
      const { violations, output } = await judge(resources, environment);
      assert.deepEqual(violations, new Map(), output);
    }
  });
});
