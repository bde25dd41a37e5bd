import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadRules } from '../../local/rules.ts';

const folder = (name: string) =>
  fileURLToPath(new URL(`../fixtures/local/${name}`, import.meta.url));
const resource = { type: 't', name: 'forbidden', inputs: {}, options: {} };

test('the rules beside a program are asked with the stack and its environment', async () => {
  const inDev = await loadRules(folder('ruled'), { stack: 'one', environment: 'dev' });
  assert.deepEqual(inDev.resource(resource), ['"forbidden" in one (dev)']);
  assert.deepEqual(inDev.resource({ ...resource, name: 'allowed' }), []);
  const inProd = await loadRules(folder('ruled'), { stack: 'two', environment: 'prod' });
  assert.deepEqual(inProd.resource(resource), ['"forbidden" in two (prod)']);
});

test('rules about the whole stack are asked with all of its resources', async () => {
  const { stack } = await loadRules(folder('ruled'), { stack: 'one', environment: 'dev' });
  assert.deepEqual(stack([resource, resource]), ['one (dev) has "forbidden" 2 times']);
  assert.deepEqual(stack([resource]), []);
});

test('a program without rules has none to break', async () => {
  const rules = await loadRules(folder('scenarios'), { stack: 'dev', environment: 'dev' });
  assert.deepEqual([...rules.resource(resource), ...rules.stack([resource])], []);
});

test("the rules of the project's own program can be loaded", async () => {
  const infra = fileURLToPath(new URL('../../infra', import.meta.url));
  const rules = await loadRules(infra, { stack: 'dev', environment: 'dev' });
  const container = { ...resource, type: 'docker:index/container:Container' };
  assert.ok(rules.resource(container).length > 0, 'a container without any hardening breaks rules');
});
