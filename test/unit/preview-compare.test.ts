import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../local/secret-value.ts';
import { compare } from '../../scripts/preview/compare.ts';
import type { PlannedResource } from '../../scripts/preview/planned.ts';

const VOLUME = 'docker:index/volume:Volume';
const CONTAINER = 'docker:index/container:Container';
const IMAGE = 'docker:index/image:Image';
const urnOf = (type: string, name: string) => `urn:pulumi:dev::lakehouse-mcp::${type}::${name}`;

function planned(
  type: string,
  name: string,
  inputs: Record<string, unknown> = {},
  more: { options?: Partial<PlannedResource['options']>; facts?: Record<string, string> } = {},
): PlannedResource {
  return {
    urn: urnOf(type, name),
    type,
    name,
    inputs,
    facts: more.facts ?? {},
    options: {
      aliases: [],
      ignoreChanges: [],
      protect: false,
      replaceOnChanges: [],
      retainOnDelete: false,
      ...more.options,
    },
  };
}
const told = (before: PlannedResource[], after: PlannedResource[]) =>
  compare(before, after).map(({ operation, name, reason }) => `${operation} ${name}: ${reason}`);

describe('the comparison of two plans', () => {
  it('finds nothing where nothing changed, secrets included', () => {
    const plan = [planned(VOLUME, 'token', { name: 'token', key: secret('x') })];
    assert.deepEqual(told(plan, structuredClone(plan)), []);
  });

  it('tells what comes, goes, is made anew and is changed in place', () => {
    assert.deepEqual(
      told(
        [
          planned(VOLUME, 'token', { name: 'a' }),
          planned(CONTAINER, 'proxy', { restart: 'no' }),
          planned(CONTAINER, 'gone', {}),
        ],
        [
          planned(VOLUME, 'token', { name: 'b' }),
          planned(CONTAINER, 'proxy', { restart: 'always' }),
          planned(CONTAINER, 'edge', {}),
        ],
      ),
      [
        'replace token: changed: name',
        'update proxy: changed: restart',
        'create edge: it is new',
        'delete gone: it left the program',
      ],
    );
  });

  it('replaces what the program wants replaced, and passes over what it ignores', () => {
    const before = [planned(CONTAINER, 'proxy', { restart: 'no' })];
    const after = (options: Partial<PlannedResource['options']>) => [
      planned(CONTAINER, 'proxy', { restart: 'always' }, { options }),
    ];
    assert.deepEqual(told(before, after({ replaceOnChanges: ['*'] })), [
      'replace proxy: changed: restart',
    ]);
    assert.deepEqual(told(before, after({ ignoreChanges: ['restart'] })), []);
  });

  it('knows a renamed resource by its alias, and loses one that has none', () => {
    const before = [planned(VOLUME, 'acme', { name: 'lakehouse-prod-acme' })];
    const inputs = { name: 'lakehouse-prod-acme' };
    const aliases = [urnOf(VOLUME, 'acme')];
    assert.deepEqual(
      told(before, [planned(VOLUME, 'edge-data', inputs, { options: { aliases } })]),
      ['rename edge-data: it was "acme"'],
    );
    assert.deepEqual(told(before, [planned(VOLUME, 'edge-data', inputs)]), [
      'create edge-data: it is new',
      'delete acme: it left the program',
    ]);
  });

  it('counts an image as changed when its files are', () => {
    const files = (digest: string) => ({ facts: { 'files of the build context': digest } });
    assert.deepEqual(
      told([planned(IMAGE, 'proxy', {}, files('1'))], [planned(IMAGE, 'proxy', {}, files('2'))]),
      ['update proxy: changed: files of the build context'],
    );
  });

  it('tells volumes of data from volumes in memory', () => {
    const memory = { driverOpts: { type: 'tmpfs' } };
    assert.deepEqual(
      compare([planned(VOLUME, 'acme'), planned(VOLUME, 'token', memory)], []).map(
        ({ name, loses }) => [name, loses],
      ),
      [
        ['acme', 'data'],
        ['token', 'memory'],
      ],
    );
  });
});
