/**
 * What a deployed stack would go through when it is brought to this version. The fixture is what the program of 0.1.0
 * (commit 9b66a70) registered for the stack dev, as scripts/preview/planned.ts finds it out.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { resourceTypes } from '../../local/resources/index.ts';
import { type Change, compare } from '../../scripts/preview/compare.ts';
import { type PlannedResource, planProgram } from '../../scripts/preview/planned.ts';
import { Scratch } from '../../scripts/preview/scratch.ts';
import { repository } from '../helpers/lakehouse-command.ts';

const FIXTURE = new URL('../fixtures/stack/dev-at-0.1.0.json', import.meta.url);
const VOLUME = 'docker:index/volume:Volume';
const PASSWORD = 'random:index/randomPassword:RandomPassword';

const told = (changes: readonly Change[]) =>
  changes.map(({ operation, type, name, reason }) => `${operation} ${type} ${name}: ${reason}`);

/** What a stack of the repository registers now. */
async function planned(scratch: Scratch, stack: string): Promise<PlannedResource[]> {
  const configFile = await scratch.stackConfig(repository, stack, stack);
  const { passphrase } = scratch;
  return planProgram({ project: repository, stack, configFile, passphrase });
}

describe('an upgrade of the dev stack from 0.1.0', () => {
  let scratch: Scratch;
  let earlier: PlannedResource[];
  let now: PlannedResource[];
  let changes: Change[];
  before(async () => {
    scratch = await Scratch.make();
    earlier = JSON.parse(await readFile(FIXTURE, 'utf8'));
    now = await planned(scratch, 'dev');
    changes = compare(earlier, now);
  });
  after(() => scratch.remove());

  it('loses no volume', () => {
    const lost = changes.filter(({ loses }) => loses !== undefined);
    assert.deepEqual(told(lost), []);
    const volumes = earlier.filter(({ type }) => type === VOLUME);
    assert.ok(volumes.length > 0, 'the fixture has volumes to lose');
  });

  it('keeps the keys of clients and the secret of their sessions', () => {
    const made = changes.filter(
      ({ type, operation }) => type === PASSWORD && operation !== 'create',
    );
    assert.deepEqual(told(made.filter(({ operation }) => operation !== 'rename')), []);
  });

  it('knows what was renamed by its former name', () => {
    const engineNames = (resources: readonly PlannedResource[]) =>
      resources.flatMap(({ type, name, inputs }) =>
        inputs.name === undefined ? [] : [{ type, name, engineName: String(inputs.name) }],
      );
    const gone = new Set(
      changes.filter(({ operation }) => operation === 'delete').map(({ name }) => name),
    );
    const successors = engineNames(now);
    const forgotten = engineNames(earlier).filter(
      ({ type, name, engineName }) =>
        gone.has(name) &&
        successors.some((each) => each.type === type && each.engineName === engineName),
    );
    assert.deepEqual(forgotten, [], 'give the new resource an alias with the former name');
  });
});

describe('the stacks of the repository', () => {
  for (const stack of ['dev', 'prod'])
    it(`are made of resources whose changes are understood (${stack})`, async () => {
      const scratch = await Scratch.make();
      try {
        const types = (await planned(scratch, stack)).map(({ type }) => type);
        assert.ok(types.length > 0);
        assert.deepEqual(
          types.filter((type) => resourceTypes[type] === undefined),
          [],
        );
      } finally {
        await scratch.remove();
      }
    });
});
