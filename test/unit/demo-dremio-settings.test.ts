import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (path: string) =>
  readFileSync(new URL(`../../images/demo-dremio/${path}`, import.meta.url), 'utf8');

test('the image runs as its own user, without a shell around the service', () => {
  const dockerfile = read('Dockerfile');
  assert.match(dockerfile, /^USER 10003:10000$/m);
  assert.match(
    dockerfile,
    /^ENTRYPOINT \["node", .*"\/app\/images\/demo-dremio\/src\/main\.ts"\]$/m,
  );
  assert.match(dockerfile, /^ENV NODE_ENV=production HOST=0\.0\.0\.0( |$)/m);
});

test('the build context is an allow-list without tests and documents', () => {
  const lines = read('Dockerfile.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.equal(lines[0], '*');
  assert.ok(lines.slice(1).every((line) => /^!(package|images\/)/.test(line)));
});
