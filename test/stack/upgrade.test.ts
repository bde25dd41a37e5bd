/** What a deployed stack would go through when it is brought to this version. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { resourceTypes } from '../../local/resources/index.ts';
import { type Change, compare } from '../../scripts/preview/compare.ts';
import { type PlannedResource, planProgram } from '../../scripts/preview/planned.ts';
import { Scratch } from '../../scripts/preview/scratch.ts';
import { repository } from '../helpers/lakehouse-command.ts';

const VOLUME = 'docker:index/volume:Volume';
const PASSWORD = 'random:index/randomPassword:RandomPassword';
const SERVICE = 'docker:index/service:Service';

/** What the program of an earlier commit registered, as scripts/preview/planned.ts finds it out. */
const EARLIER = [
  { stack: 'dev', at: '0.1.0 (commit 9b66a70)', fixture: 'dev-at-0.1.0.json' },
  { stack: 'prod', at: 'the first that was tested (commit 15d4c3f)', fixture: 'prod-first.json' },
] as const;

const told = (changes: readonly Change[]) =>
  changes.map(({ operation, type, name, reason }) => `${operation} ${type} ${name}: ${reason}`);

for (const { stack, at, fixture } of EARLIER)
  describe(`an upgrade of the stack ${stack} from ${at}`, () => {
    let earlier: PlannedResource[];
    let now: PlannedResource[];
    let changes: Change[];
    before(async () => {
      const file = new URL(`../fixtures/stack/${fixture}`, import.meta.url);
      earlier = JSON.parse(await readFile(file, 'utf8'));
      const scratch = await Scratch.make();
      try {
        const configFile = await scratch.stackConfig(repository, stack, stack);
        const { passphrase } = scratch;
        now = await planProgram({ project: repository, stack, configFile, passphrase });
      } finally {
        await scratch.remove();
      }
      changes = compare(earlier, now);
    });

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

    if (stack === 'prod')
      it('replaces no service, which would serve nobody meanwhile', () => {
        const services = changes.filter(({ type }) => type === SERVICE);
        const gone = services.filter(({ operation }) => /replace|delete/.test(operation));
        assert.deepEqual(told(gone), []);
        assert.ok(earlier.some(({ type }) => type === SERVICE));
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

    it('is of resources whose changes are understood', () => {
      const types = now.map(({ type }) => type);
      assert.ok(types.length > 0);
      assert.deepEqual(
        types.filter((type) => resourceTypes[type] === undefined),
        [],
      );
    });
  });
