import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decide, ignoringChanges, type Situation } from '../../local/decide.ts';
import { deletionWaves } from '../../local/deletion-order.ts';
import { secret } from '../../local/secret-value.ts';
import type { StoredResource } from '../../local/state.ts';

const stored: StoredResource = {
  urn: 'urn:pulumi:dev::p::t::n',
  type: 't',
  name: 'n',
  dependencies: [],
  protect: false,
  retainOnDelete: false,
  inputs: { image: 'sha256:a', memory: 64, envs: secret(['A=1']) },
  outputs: {},
  facts: { 'files of the build context': 'd1' },
  id: 'id',
  complete: true,
};

const quiet: Situation = {
  type: { inPlace: ['memory'] },
  stored,
  live: { is: 'as made' },
  inputs: { image: 'sha256:a', memory: 64, envs: ['A=1'] },
  facts: { 'files of the build context': 'd1' },
  replaceOnChanges: [],
};
const gone = { is: 'missing', reason: 'it is gone from the engine' } as const;

const cases: [string, Partial<Situation>, string, RegExp][] = [
  ['nothing changed', {}, 'same', /nothing/],
  ['it was never made', { stored: undefined, live: undefined }, 'create', /not there yet/],
  ['it was removed by hand', { live: gone }, 'create', /gone from the engine/],
  [
    'it stopped',
    { live: { is: 'stopped', reason: 'it was not running' } },
    'update',
    /not running/,
  ],
  ['it was altered', { live: { is: 'altered', reason: 'other image' } }, 'replace', /other image/],
  [
    'it was never finished',
    { stored: { ...stored, complete: false } },
    'replace',
    /did not finish/,
  ],
  ['an input changed', { inputs: { ...quiet.inputs, image: 'sha256:b' } }, 'replace', /: image$/],
  ['a secret input changed', { inputs: { ...quiet.inputs, envs: ['A=2'] } }, 'replace', /: envs$/],
  ['an input left', { inputs: { image: 'sha256:a', memory: 64 } }, 'replace', /: envs$/],
  [
    'an updatable input changed',
    { inputs: { ...quiet.inputs, memory: 65 } },
    'update',
    /: memory$/,
  ],
  [
    'an updatable input changed with replaceOnChanges ["*"]',
    { inputs: { ...quiet.inputs, memory: 65 }, replaceOnChanges: ['*'] },
    'replace',
    /: memory$/,
  ],
  [
    'someone else changed it',
    { live: { is: 'changed', reason: 'changed on the Swarm since: image' } },
    'update',
    /since: image/,
  ],
  [
    'it was never finished and an update finishes it',
    { stored: { ...stored, complete: false }, type: { inPlace: 'all', resumes: true } },
    'update',
    /did not finish/,
  ],
  [
    'what changes in place holds something that does not',
    {
      type: { inPlace: 'all', needsNew: () => ['memory.of'] },
      inputs: { ...quiet.inputs, memory: 65 },
    },
    'replace',
    /: memory, memory\.of$/,
  ],
  [
    'it was never finished and now needs a new one',
    {
      stored: { ...stored, complete: false },
      type: { inPlace: [], resumes: true },
      inputs: { ...quiet.inputs, image: 'sha256:b' },
    },
    'replace',
    /: image$/,
  ],
  ['the files it is built from changed', { facts: {} }, 'replace', /files of the build context/],
  [
    'everything can change in place',
    { type: { inPlace: 'all' }, facts: {}, inputs: {} },
    'update',
    /envs, .*image/,
  ],
];

for (const [when, difference, operation, reason] of cases) {
  test(`when ${when}, the resource is to be ${operation === 'same' ? 'left alone' : `${operation}d`}`, () => {
    const decision = decide({ ...quiet, ...difference });
    assert.equal(decision.operation, operation);
    assert.match(decision.reason, reason);
  });
}

test('a reason never shows a value', () => {
  const { reason } = decide({ ...quiet, inputs: { ...quiet.inputs, envs: ['A=topsecret'] } });
  assert.ok(!reason.includes('topsecret'));
});

test('ignoreChanges keeps the old value of what it names, and all of them for "*"', () => {
  const wanted = { image: 'sha256:b', memory: 1, labels: [] };
  assert.deepEqual(ignoringChanges(wanted, stored, ['image', 'labels']), {
    memory: 1,
    image: 'sha256:a',
  });
  assert.deepEqual(ignoringChanges(wanted, stored, ['*']), stored.inputs);
  assert.deepEqual(ignoringChanges(wanted, undefined, ['*']), wanted);
});

test('nothing is deleted before what depends on it, and everything is deleted once', () => {
  const graph = fc.array(fc.array(fc.nat(20), { maxLength: 4 }), { maxLength: 20 }).map((edges) =>
    edges.map((targets, at) => ({
      urn: `u${at}`,
      dependencies: targets.filter((target) => target < at).map((target) => `u${target}`),
    })),
  );
  fc.assert(
    fc.property(graph, (resources) => {
      const waves = deletionWaves(resources);
      const wave = new Map(waves.flatMap((all, at) => all.map(({ urn }) => [urn, at] as const)));
      assert.equal(waves.flat().length, resources.length);
      for (const { urn, dependencies } of resources) {
        for (const needed of dependencies) {
          assert.ok((wave.get(needed) ?? -1) > (wave.get(urn) ?? -1), `${needed} after ${urn}`);
        }
      }
    }),
  );
});
