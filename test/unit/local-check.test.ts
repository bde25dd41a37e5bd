import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkResource, checkRules, ruled } from '../../local/check.ts';
import { type Registration, unknownValue } from '../../local/registration.ts';
import { secret } from '../../local/secret-value.ts';

const noOptions: Registration['options'] = {
  protect: false,
  retainOnDelete: false,
  deleteBeforeReplace: false,
  replaceOnChanges: [],
  ignoreChanges: [],
  additionalSecretOutputs: [],
  aliases: [],
  refused: [],
};

function registration(
  type: string,
  inputs: Record<string, unknown>,
  options: Partial<Registration['options']> = {},
): Registration {
  return {
    urn: 'urn:pulumi:dev::p::t::n',
    type,
    name: 'n',
    custom: true,
    inputs,
    dependencies: [],
    options: { ...noOptions, ...options },
  };
}

function check(...[type, inputs, options]: Parameters<typeof registration>) {
  return checkResource(registration(type, inputs, options), inputs);
}

const container = 'docker:index/container:Container';

test('a type that the runner cannot make is refused with those that it can', () => {
  assert.throws(
    () => check('docker:index/plugin:Plugin', {}),
    /cannot make a docker:index\/plugin:Plugin; it makes docker:index\/container:Container,/,
  );
  assert.throws(() => check('toString', {}), /cannot make a toString/);
});

test('an explicit provider is refused with the way to another engine', () => {
  assert.throws(() => check('pulumi:providers:docker', {}), /no explicit providers.*docker:host/);
});

test('options that cannot be honoured are refused by name', () => {
  const refused = { refused: ['import', 'hooks'] };
  assert.throws(() => check(container, { image: 'x' }, refused), /cannot honour: import, hooks\./);
  for (const key of ['ignoreChanges', 'replaceOnChanges']) {
    const path = { [key]: ['labels[0].value'] };
    assert.throws(() => check(container, { image: 'x' }, path), /it has labels\[0\]\.value/);
    check(container, { image: 'x' }, { [key]: ['*', 'labels'] });
  }
});

test('all wrong inputs are said at once', () => {
  assert.throws(
    () => check(container, { gpus: 'all', init: 'yes' }),
    /image is missing; gpus is not supported by the local runner; init must be true or false\./,
  );
});

test('an image is pushed to the registry of its name, and to no other', () => {
  const image = 'docker:index/image:Image';
  const inputs = { imageName: 'r:5000/a:t', build: { context: '..' }, buildOnPreview: false };
  const local = { ...inputs, imageName: 'lakehouse-mcp/a:t' };
  assert.throws(() => check(image, local), /imageName must begin with the registry .*or skipPush/);
  check(image, inputs);
  const registry = { server: 'https://other/v2', username: 'u', password: secret('p') };
  assert.throws(
    () => check(image, { ...inputs, registry }),
    /imageName must begin with the registry that it is pushed to, "other\/"/,
  );
  check(image, { ...inputs, registry: { server: 'r:5000' } });
  check(image, { ...inputs, skipPush: true });
});

test('what a preview cannot know yet is right in any place', () => {
  check(container, {
    image: unknownValue,
    envs: unknownValue,
    ports: [{ internal: unknownValue }],
  });
});

test('rules see inputs in clear and the options, and what they say refuses the resource', () => {
  const seen: unknown[] = [];
  const inputs = { image: 'x', envs: secret(['TOKEN=1']) };
  const rules = {
    resource(resource: unknown) {
      seen.push(resource);
      return ['no tokens in envs [secrets-in-files]'];
    },
    stack: () => [],
  };
  const protectedOne = registration(container, inputs, { protect: true });
  assert.throws(
    () => checkRules(ruled(protectedOne, inputs), rules),
    /It breaks a rule: no tokens in envs \[secrets-in-files\]/,
  );
  assert.deepEqual(seen, [
    {
      type: container,
      name: 'n',
      inputs: { image: 'x', envs: ['TOKEN=1'] },
      options: { protect: true, retainOnDelete: false },
    },
  ]);
});
