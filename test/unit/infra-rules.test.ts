import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type RuledResource,
  rules,
  stackRules,
  stackViolations,
  violations,
} from '../../infra/rules/index.ts';
import { UNKNOWN } from '../../infra/rules/inputs.ts';
import { type Environment, environmentOf } from '../../infra/rules/rule.ts';
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

const check = (resource: RuledResource, environment: Environment = 'dev', preview = false) =>
  violations(resource, { stack: 'it', environment, preview });

const good: [string, RuledResource, Environment][] = [
  ['a container', container(), 'dev'],
  ['a filler of secret files', filler(), 'dev'],
  ['a service', service(), 'prod'],
  ['the edge', edge(), 'prod'],
  ['an image', image(), 'prod'],
  ['a network', network(), 'prod'],
  ['a bridge that leads outside', network({ driver: 'bridge', internal: false }, 'edge'), 'dev'],
  ['the network for monitoring', network({ attachable: true }, 'monitoring'), 'prod'],
  ['a volume with data', volume(), 'prod'],
  ['a volume in memory', volume({ labels: [], driverOpts: { type: 'tmpfs' } }), 'prod'],
  ['a secret', secret(), 'prod'],
  ['a secret that Pulumi named', secret({ name: 'dremio-password-0a1b2c3' }), 'prod'],
];

/** Rules that keep promise S10: what production refuses. */
const PROMISED = new Set([
  'base-image-by-digest',
  'dremio-over-tls',
  'image-by-content',
  'no-weak-passwords',
  'one-way-in',
  'only-the-edge-publishes',
]);
const promise = (rule: string) => (PROMISED.has(rule) ? 'S10 ' : '');

describe('the rules', () => {
  for (const [what, resource, environment] of good)
    it(`find nothing wrong with ${what}`, () => assert.deepEqual(check(resource, environment), []));

  for (const { rule, what, resource, environment, message } of brokenResources)
    it(`${promise(rule)}${rule} refuses a ${what}, and says what to change`, () => {
      const found = check(resource, environment);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', message);
      assert.match(found[0] ?? '', new RegExp(`^"${resource.name}": .+ \\[${rule}\\]$`));
    });

  for (const { rule, what, resources, message } of brokenStacks)
    it(`${promise(rule)}${rule} refuses ${what}, and says what to change`, () => {
      const found = stackViolations(resources, { stack: 'it', environment: 'prod' });
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', message);
      assert.match(found[0] ?? '', new RegExp(` \\[${rule}\\]$`));
    });

  it('find nothing wrong with a whole stack', () => {
    const stack = [edge(), service(), volume({ name: 'lakehouse-it-store' }), network(), secret()];
    assert.deepEqual(stackViolations(stack, { stack: 'it', environment: 'prod' }), []);
  });

  it('are each shown to refuse something', () => {
    const shown = new Set([...brokenResources, ...brokenStacks].map(({ rule }) => rule));
    assert.deepEqual(
      [...rules, ...stackRules].map(({ id }) => id).filter((id) => !shown.has(id)),
      [],
    );
  });

  it('have names that tell them apart', () => {
    const ids = [...rules, ...stackRules].map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ids) assert.match(id, /^[a-z]+(-[a-z]+)*$/);
  });

  it('never quote the value of a secret', () => {
    for (const { resource, environment } of brokenResources)
      assert.doesNotMatch(check(resource, environment).join(), /hunter2|Tr0ub4dor|ChangeMe/);
  });

  it('leave what only production must keep to production', () => {
    const ids = rules.filter(({ only }) => only === 'prod').map(({ id }) => id);
    assert.ok(ids.length > 5);
    for (const { resource } of brokenResources.filter(({ rule }) => ids.includes(rule)))
      assert.doesNotMatch(check(resource).join(), new RegExp(ids.join('|')));
  });

  it('let a preview go on without a pinned base image, and no deployment', () => {
    const unpinned = image({ NODE_IMAGE: 'docker.io/library/node:24' });
    assert.deepEqual(check(unpinned, 'prod', true), []);
    assert.equal(check(unpinned, 'prod').length, 1);
  });

  it('wait for what a preview cannot know', () => {
    assert.deepEqual(check(container({ image: UNKNOWN })), []);
    assert.deepEqual(check(service({ container: { image: UNKNOWN } }), 'prod'), []);
    assert.deepEqual(check(secret({ data: UNKNOWN }), 'prod'), []);
  });

  it('take a declared way to Dremio in clear for what it is', () => {
    const clear = { container: { env: { DREMIO_URL: 'http://dremio:9047' } } };
    assert.equal(check(service(clear), 'prod').length, 1);
    const labels = { 'lakehouse.dremio.internal': 'true' };
    assert.deepEqual(check(service({ ...clear, labels }), 'prod'), []);
  });

  it('take an engine at its word that tells nothing of an option', () => {
    const untold = { ...volume(), options: { protect: true } };
    assert.deepEqual(check(untold, 'prod'), []);
  });
});

describe('the environment of a stack', () => {
  it('is production on Swarm and under the name prod', () => {
    assert.equal(environmentOf('dev', 'containers'), 'dev');
    assert.equal(environmentOf('dev', undefined), 'dev');
    assert.equal(environmentOf('blue', 'swarm'), 'prod');
    assert.equal(environmentOf('prod', 'containers'), 'prod');
  });
});
