// What the proxy's Dockerfile promises, and what of the repository its build may see.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import dockerignore from '@balena/dockerignore';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

const dockerfile = read('images/proxy/Dockerfile');
/** The instructions, one a line: comments gone, continued lines joined. */
const instructions = dockerfile
  .replaceAll(/^\s*#.*\n/gm, '')
  .replaceAll(/\s*\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '');
const of = (name: string): string[] => instructions.filter((line) => line.startsWith(`${name} `));

const allowed = dockerignore
  .default({ ignorecase: false })
  .add(read('images/proxy/Dockerfile.dockerignore'));
/** The paths the builder takes out of the repository: the sources of each COPY but the last word. */
const copied = of('COPY')
  .filter((line) => !line.includes('--from='))
  .flatMap((line) => line.split(' ').slice(1, -1));

test('the build sees every file that it copies', () => {
  assert.ok(copied.includes('package.json') && copied.includes('images/proxy/src'));
  for (const path of copied) {
    assert.equal(allowed.ignores(path), false, path);
    if (!path.includes('.json') && path !== 'images/proxy/proxy')
      assert.equal(allowed.ignores(`${path}/deeper/file`), false, path);
  }
});

test('the build sees nothing else of the repository', () => {
  const outside = [
    '.env',
    '.git/config',
    '.lakehouse/dev/passphrase',
    'Pulumi.dev.yaml',
    'README.md',
    'images/demo-dremio/src/main.ts',
    'images/kit/notes.md',
    'images/proxy/Dockerfile',
    'images/proxy/node_modules/left-over/index.js',
    'images/refresher/src/main.ts',
    'infra/index.ts',
    'local/index.ts',
    'node_modules/undici/index.js',
    'test/unit/any.test.ts',
  ];
  assert.deepEqual(
    outside.filter((path) => !allowed.ignores(path)),
    [],
  );
  const unknown = readdirSync(root).filter((name) => !allowed.ignores(name));
  assert.deepEqual(unknown.sort(), ['package-lock.json', 'package.json']);
});

test('npm is given the manifest of every workspace, without which it refuses the lock file', () => {
  const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] };
  assert.deepEqual(
    workspaces.filter((workspace) => !copied.includes(`${workspace}/package.json`)),
    [],
  );
});

test('every stage stands on the base image that the caller names', () => {
  assert.ok(of('FROM').length > 1);
  for (const from of of('FROM')) assert.match(from, /^FROM \$\{NODE_IMAGE\}( AS [a-z]+)?$/);
});

test('either builder makes the image: no syntax line, no mounts', () => {
  assert.doesNotMatch(dockerfile, /^#\s*syntax\s*=/m);
  assert.doesNotMatch(dockerfile, /--mount=|<<|--link|COPY --ch/);
});

test('the service runs as its own numbers and takes signals itself', () => {
  assert.equal(of('USER').at(-1), 'USER 10002:10000');
  assert.deepEqual(of('ENTRYPOINT'), ['ENTRYPOINT ["proxy"]']);
  assert.match(
    read('images/proxy/proxy'),
    /^exec node (--[a-z-]+(=\d+)? )*\/app\/images\/proxy\/src\/main\.ts "\$@"$/m,
  );
  assert.match(of('HEALTHCHECK').join(), /CMD \["node", ".*probe\.js", "readyz"\]$/);
});

test('npm and pip install nothing that is not pinned, and npm runs no scripts of packages', () => {
  assert.match(of('RUN').join('\n'), /npm ci --omit=dev --ignore-scripts /);
  assert.doesNotMatch(dockerfile, /npm (install|i|exec)\b|npx|pip install/);
  const script = read('images/proxy/python/install.sh');
  assert.match(script, /^hashed='--require-hashes --only-binary=:all:'$/m);
  const installs = script.match(/^ *install "[^\n]*/gm) ?? [];
  assert.equal(installs.length, 5);
  for (const line of installs) {
    assert.ok(line.includes(' $hashed ') || line.includes(' --no-index '), line);
  }
});

test('the label says which commit of the server the pinned wheel holds', () => {
  const pin = /dremio\/dremio-mcp at\s+# ([0-9a-f]{40})/.exec(
    read('images/proxy/python/dremio-mcp.txt'),
  );
  assert.ok(pin?.[1]);
  const label = `lakehouse.dremio-mcp.revision="\${DREMIO_MCP_REVISION:-${pin[1]}}"`;
  assert.ok(of('LABEL').join().includes(label), label);
});

test('no file of the image says where packages come from: that is the base image', () => {
  const files = readdirSync(new URL('images/proxy/python/', root), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `images/proxy/python/${entry.name}`);
  assert.ok(files.length >= 6);
  for (const path of [...files, 'images/proxy/Dockerfile']) {
    const addresses = read(path).match(/\b\w+:\/\/[^\s}"']+|--(extra-)?index-url/g) ?? [];
    const foreign = addresses.filter((one) => one !== 'https://github.com/dremio/dremio-mcp.git');
    assert.deepEqual(foreign, [], path);
  }
});
