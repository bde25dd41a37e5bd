import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Policies,
  type ResourceValidationArgs,
  type ResourceValidationPolicy,
  type StackValidationArgs,
  type StackValidationPolicy,
  unknownCheckingProxy,
} from '@pulumi/policy';
import { type RuledResource, rules, stackRules } from '../../infra/rules/index.ts';
import { UNKNOWN } from '../../infra/rules/inputs.ts';
import type { Environment } from '../../infra/rules/rule.ts';
import { policiesFor } from '../../policy/pack.ts';
import { brokenResources, brokenStacks } from '../fixtures/rules/broken.ts';
import { container, image, service } from '../fixtures/rules/good.ts';

const pack = (environment: Environment, preview = false) =>
  policiesFor({ stack: 'it', environment, preview });

/** A resource as @pulumi/policy hands it to a policy: unknown values throw when they are read. */
const args = ({ type, name, inputs, options }: RuledResource) =>
  ({
    type,
    name,
    props: unknownCheckingProxy(inputs),
    opts: { protect: options.protect ?? false },
  }) as unknown as ResourceValidationArgs;

const ofResource = (policies: Policies) =>
  policies.filter((each): each is ResourceValidationPolicy => 'validateResource' in each);
const ofStack = (policies: Policies) =>
  policies.filter((each): each is StackValidationPolicy => 'validateStack' in each);

/** What every policy reports of a resource, with its name before it. */
function reports(policies: Policies, resource: RuledResource): string[] {
  return ofResource(policies).flatMap(({ name, validateResource }) => {
    const found: string[] = [];
    assert.ok(typeof validateResource === 'function');
    validateResource(args(resource), (message) => found.push(`${name}: ${message}`));
    return found;
  });
}

describe('the policy pack', () => {
  it('has one mandatory policy for each rule, with what it says', () => {
    const policies = pack('prod').map(({ name, description, enforcementLevel }) => ({
      name,
      description,
      enforcementLevel,
    }));
    assert.deepEqual(
      policies,
      [...rules, ...stackRules].map(({ id, says }) => ({
        name: id,
        description: says,
        enforcementLevel: 'mandatory',
      })),
    );
  });

  // The CLI does not tell a pack of this option.
  const untold = ({ resource }: { resource: RuledResource }) =>
    resource.options.retainOnDelete === false;

  for (const { rule, what, resource, environment, message } of brokenResources.filter(
    (each) => !untold(each),
  ))
    it(`${rule} reports a ${what}`, () => {
      const found = reports(pack(environment), resource);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', message);
      assert.ok(found[0]?.startsWith(`${rule}: "${resource.name}": `));
    });

  for (const { rule, what, resources, message } of brokenStacks)
    it(`${rule} reports ${what}`, () => {
      const found = ofStack(pack('prod')).flatMap(({ name, validateStack }) => {
        const messages: string[] = [];
        const stack = { resources: resources.map(args) } as unknown as StackValidationArgs;
        validateStack(stack, (text) => messages.push(`${name}: ${text}`));
        return messages;
      });
      assert.equal(found.length, 1);
      assert.match(found[0] ?? '', message);
      assert.ok(found[0]?.startsWith(`${rule}: `));
    });

  it('asks every rule of a resource that a preview knows in part', () => {
    const inPart = service({ container: { image: UNKNOWN, readOnly: false } });
    assert.deepEqual(
      reports(pack('prod', true), inPart),
      [
        '"it": its root is writable; set containerSpec.readOnly to true and give it a /tmp in memory',
      ].map((message) => `read-only-root: ${message}`),
    );
  });

  it('passes on what goes wrong in a property other than its being unknown', () => {
    const failing = Object.defineProperty({}, 'image', {
      enumerable: true,
      get: () => {
        throw new RangeError('not this');
      },
    });
    assert.throws(
      () => reports(pack('dev'), { ...container(), inputs: failing as Record<string, unknown> }),
      /not this/,
    );
  });

  it('leaves it to the program to warn in a preview that a base image is not pinned', () => {
    const level = (preview: boolean) =>
      pack('prod', preview).find(({ name }) => name === 'base-image-by-digest')?.enforcementLevel;
    assert.equal(level(true), 'disabled');
    assert.equal(level(false), 'mandatory');
    const unpinned = image({ NODE_IMAGE: 'docker.io/library/node:24' });
    assert.equal(reports(pack('prod'), unpinned).length, 1);
  });
});
