import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadRules } from '../../local/rules.ts';

const folder = (name: string) =>
  fileURLToPath(new URL(`../fixtures/local/${name}`, import.meta.url));
const resource = { type: 't', name: 'forbidden', inputs: {}, options: {} };

test('the rules beside a program are asked with the stack and its environment', async () => {
  const inDev = await loadRules(folder('ruled'), 'dev');
  assert.deepEqual(inDev(resource), ['"forbidden" in dev (dev)']);
  assert.deepEqual(inDev({ ...resource, name: 'allowed' }), []);
  const inProd = await loadRules(folder('ruled'), 'prod');
  assert.deepEqual(inProd(resource), ['"forbidden" in prod (prod)']);
});

test('a program without rules has none to break', async () => {
  assert.deepEqual((await loadRules(folder('scenarios'), 'dev'))(resource), []);
});

test("the rules of the project's own program can be loaded", async () => {
  const infra = fileURLToPath(new URL('../../infra', import.meta.url));
  const check = await loadRules(infra, 'dev');
  const container = { ...resource, type: 'docker:index/container:Container' };
  assert.ok(check(container).length > 0, 'a container without any hardening breaks rules');
});
